package main

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"example.com/api/internal/fetch"
)

// maxExpectFile and maxRows bound a file of expectations.
const (
	maxExpectFile = 1 << 20
	maxRows       = 1000
)

// expectation is one row of the file that --expect names: a page on Origin may make
// the request in Allow, or may not make the one in Deny.
type expectation struct {
	Origin      string            `yaml:"origin"`
	Allow       string            `yaml:"allow"` // "PUT /api/items"
	Deny        string            `yaml:"deny"`
	Headers     map[string]string `yaml:"headers"`
	Body        string            `yaml:"body"`
	Credentials bool              `yaml:"credentials"`
	Read        []string          `yaml:"read"` // response headers that JavaScript must be able to read
}

// row is an expectation that can be checked.
type row struct {
	title   string
	request checkRequest
	allow   bool
	read    []string
}

// runExpect checks each row of the file against the server of the URL.
func runExpect(ctx context.Context, o options, p *printer, stderr io.Writer) int {
	rows, err := readRows(o)
	if err != nil {
		fmt.Fprintf(stderr, "corscheck: %s\n", clean(err.Error()))
		return exitUsage
	}
	c, err := newClient(o)
	if err != nil {
		fmt.Fprintf(stderr, "corscheck: %s\n", clean(err.Error()))
		return exitUsage
	}
	defer c.close()

	wrong := make([]string, len(rows)) // why a row does not hold
	failed := 0
	for i, row := range rows {
		result, err := check(ctx, c, row.request)
		if err != nil {
			return reportUnreachable(options{}, p, stderr, err)
		}
		if wrong[i] = row.wrong(result); wrong[i] != "" {
			failed++
		}
	}
	switch o.format {
	case "tap":
		p.tap(rows, wrong)
	case "junit":
		p.junit(rows, wrong, failed)
	default:
		for i, row := range rows {
			if wrong[i] == "" {
				p.wrapped(green, "✓ ", row.title)
			} else {
				p.wrapped(red, "✗ ", row.title+": "+wrong[i])
			}
		}
		p.line(plain, fmt.Sprintf("%d of %d rows hold", len(rows)-failed, len(rows)))
	}
	if failed > 0 {
		return exitBlocked
	}
	return exitAllowed
}

// wrong returns why a row does not hold, or "" if it does.
func (row row) wrong(r result) string {
	for _, o := range []outcome{r.Chromium, r.Firefox} {
		v := o.Verdict
		switch {
		case row.allow && !v.Allowed:
			return o.Engine.Name + " blocks it: " + v.Explain()
		case !row.allow && v.Allowed:
			return o.Engine.Name + " allows it"
		}
		for _, name := range row.read {
			if row.allow && !slices.Contains(v.Read, strings.ToLower(name)) {
				return "JavaScript cannot read " + name + ": the response lacks it, or Access-Control-Expose-Headers does not list it"
			}
		}
	}
	return ""
}

func readRows(o options) ([]row, error) {
	data, err := readFile(o.expect, maxExpectFile)
	if err != nil {
		return nil, err
	}
	var expectations []expectation
	if err := yaml.UnmarshalWithOptions(data, &expectations, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("%s: %s", o.expect, strings.TrimSpace(yaml.FormatError(err, false, false)))
	}
	if len(expectations) == 0 || len(expectations) > maxRows {
		return nil, fmt.Errorf("%s has %d rows; it needs 1 to %d", o.expect, len(expectations), maxRows)
	}
	rows := make([]row, len(expectations))
	for i, e := range expectations {
		if rows[i], err = e.row(o); err != nil {
			return nil, fmt.Errorf("%s, row %d: %w", o.expect, i+1, err)
		}
	}
	return rows, nil
}

func (e expectation) row(o options) (row, error) {
	if (e.Allow == "") == (e.Deny == "") {
		return row{}, errors.New("write either allow or deny, for example allow: GET /api/items")
	}
	method, path, found := strings.Cut(strings.TrimSpace(e.Allow+e.Deny), " ")
	path = strings.TrimSpace(path)
	if !found || !strings.HasPrefix(path, "/") {
		return row{}, fmt.Errorf("%q: write a method and a path, for example GET /api/items", e.Allow+e.Deny)
	}
	origin, err := parseOrigin(e.Origin)
	if err != nil {
		return row{}, err
	}
	u, err := o.url.Parse(path)
	if err != nil || fetch.OriginOf(u) != fetch.OriginOf(o.url) {
		return row{}, fmt.Errorf("%q is not a path", path)
	}
	r := checkRequest{body: e.Body}
	r.URL, r.Method, r.Origin, r.CORSOnly = u, method, origin, true
	if r.Body = e.Body != ""; r.Body {
		r.BodyType = "text/plain;charset=UTF-8"
	}
	names := make([]string, 0, len(e.Headers))
	for name := range e.Headers {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		r.Header = append(r.Header, fetch.Field{Name: name, Value: e.Headers[name]})
	}
	may := "may"
	if e.Deny != "" {
		may = "may not"
	}
	title := fmt.Sprintf("%s %s %s %s", origin, may, method, path)
	if e.Credentials {
		r.Credentials = fetch.CredentialsInclude
		title += " with credentials"
	}
	return row{title, r, e.Allow != "", e.Read}, nil
}

// tap prints the Test Anything Protocol, version 14.
func (p *printer) tap(rows []row, wrong []string) {
	p.line(plain, "TAP version 14")
	p.line(plain, fmt.Sprintf("1..%d", len(rows)))
	for i, row := range rows {
		title := strings.ReplaceAll(row.title, "#", `\#`)
		if wrong[i] == "" {
			p.line(plain, fmt.Sprintf("ok %d - %s", i+1, title))
		} else {
			p.line(plain, fmt.Sprintf("not ok %d - %s", i+1, title))
			p.line(plain, "# "+wrong[i])
		}
	}
}

func (p *printer) junit(rows []row, wrong []string, failed int) {
	type failure struct {
		Message string `xml:"message,attr"`
	}
	type testCase struct {
		Name    string   `xml:"name,attr"`
		Class   string   `xml:"classname,attr"`
		Failure *failure `xml:"failure,omitempty"`
	}
	suite := struct {
		XMLName  xml.Name   `xml:"testsuite"`
		Name     string     `xml:"name,attr"`
		Tests    int        `xml:"tests,attr"`
		Failures int        `xml:"failures,attr"`
		Cases    []testCase `xml:"testcase"`
	}{Name: "cors", Tests: len(rows), Failures: failed}
	for i, row := range rows {
		c := testCase{Name: clean(row.title), Class: "cors"}
		if wrong[i] != "" {
			c.Failure = &failure{clean(wrong[i])}
		}
		suite.Cases = append(suite.Cases, c)
	}
	out, err := xml.MarshalIndent(suite, "", "  ")
	if err != nil {
		return // the types above are always valid
	}
	fmt.Fprintf(p.w, "%s%s\n", xml.Header, out)
}
