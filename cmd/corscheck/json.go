package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"unicode"
	"unicode/utf16"

	"example.com/api/internal/fetch"
)

// schemaVersion increases when a member is removed or changes its meaning, but not
// when a member is added.
const schemaVersion = 1

// The members of --json; docs/corscheck.md describes them.
type (
	jsonResult struct {
		Version   int            `json:"version"`
		Allowed   bool           `json:"allowed"`
		URL       string         `json:"url"`
		Origin    string         `json:"origin"`
		Method    string         `json:"method"`
		Browsers  []jsonBrowser  `json:"browsers"`
		Exchanges []jsonExchange `json:"exchanges"`
		Fix       *jsonFix       `json:"fix,omitempty"`
		Warnings  []string       `json:"warnings,omitempty"`
		Cookies   []jsonCookie   `json:"cookies,omitempty"`
	}
	jsonBrowser struct {
		Name      string      `json:"name"`
		Allowed   bool        `json:"allowed"`
		Opaque    bool        `json:"opaque,omitempty"`
		Sent      bool        `json:"sent"`
		Status    int         `json:"status,omitempty"`
		Readable  []string    `json:"readable,omitempty"`
		Reason    string      `json:"reason,omitempty"`
		Explain   string      `json:"explanation,omitempty"`
		Preflight bool        `json:"preflight,omitempty"`
		Header    string      `json:"header,omitempty"`
		Value     *string     `json:"value,omitempty"`
		Section   string      `json:"section,omitempty"`
		Console   string      `json:"console,omitempty"`
		Checks    []jsonCheck `json:"checks"`
	}
	jsonCheck struct {
		OK      bool   `json:"ok"`
		Title   string `json:"title"`
		Detail  string `json:"detail,omitempty"`
		Section string `json:"section,omitempty"`
	}
	jsonExchange struct {
		Preflight bool        `json:"preflight,omitempty"`
		Method    string      `json:"method"`
		URL       string      `json:"url"`
		Sent      [][2]string `json:"sent"`
		StandIn   string      `json:"stand_in,omitempty"`
		Status    int         `json:"status"`
		Came      [][2]string `json:"came"`
		Broken    string      `json:"broken,omitempty"`
	}
	jsonFix struct {
		Text   string   `json:"text"`
		Server string   `json:"server,omitempty"`
		Lines  []string `json:"lines,omitempty"`
		Note   string   `json:"note,omitempty"`
	}
	jsonFinding struct {
		Severity string `json:"severity"`
		Title    string `json:"title"`
		Evidence string `json:"evidence"`
		Fix      string `json:"fix"`
	}
	jsonCookie struct {
		OK   bool   `json:"ok"`
		Text string `json:"text"`
	}
)

func (p *printer) json(r result, server string) error {
	return p.encode(jsonOf(r, server))
}

// encode prints a value. It escapes what is not graphic, so it is safe to print
// foreign text in it. Package json alone leaves U+009B, which begins a terminal's
// control sequence, and the characters that change the direction of writing.
func (p *printer) encode(value any) error {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(value); err != nil {
		return err
	}
	var safe bytes.Buffer
	for _, r := range text.String() {
		if r == '\n' || unicode.IsGraphic(r) {
			safe.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&safe, `\u%04x`, unit)
		}
	}
	_, err := p.w.Write(safe.Bytes())
	return err
}

// jsonError prints why the server was not reached, and what was sent before.
func (p *printer) jsonError(reason, text string, err error) {
	out := struct {
		Version   int            `json:"version"`
		Allowed   bool           `json:"allowed"`
		Error     string         `json:"error"`
		Reason    string         `json:"reason"`
		Exchanges []jsonExchange `json:"exchanges"`
	}{Version: schemaVersion, Error: text, Reason: reason, Exchanges: []jsonExchange{}}
	if failed, ok := errors.AsType[*sendError](err); ok {
		for _, e := range append(slices.Clone(failed.before), exchange{Message: failed.message}) {
			out.Exchanges = append(out.Exchanges, exchangeOf(e))
		}
	}
	_ = p.encode(out) // standard output is all there is to write an error to
}

// jsonFindings prints the findings of an audit.
func (p *printer) jsonFindings(findings []finding) int {
	out := struct {
		Version  int           `json:"version"`
		Findings []jsonFinding `json:"findings"`
	}{schemaVersion, []jsonFinding{}}
	for _, f := range findings {
		out.Findings = append(out.Findings, jsonFinding{f.severity.String(), f.title, f.evidence, f.fix})
	}
	if err := p.encode(out); err != nil {
		return exitUsage
	}
	if len(findings) > 0 {
		return exitBlocked
	}
	return exitAllowed
}

// jsonList prints the results of a HAR file.
func (p *printer) jsonList(results []result, server string, status int) int {
	out := struct {
		Version int          `json:"version"`
		Allowed bool         `json:"allowed"`
		Results []jsonResult `json:"results"`
	}{schemaVersion, status == exitAllowed, []jsonResult{}}
	for _, r := range results {
		out.Results = append(out.Results, jsonOf(r, server))
	}
	if err := p.encode(out); err != nil {
		return exitUsage
	}
	return status
}

func jsonOf(r result, server string) jsonResult {
	out := jsonResult{
		Version: schemaVersion,
		Allowed: r.exit() == exitAllowed,
		URL:     r.Request.URL.String(),
		Origin:  r.Request.Origin,
		Method:  fetch.NormalizeMethod(methodOf(r.Request)),
		Browsers: []jsonBrowser{
			browserOf(r.Chromium, r.Chromium.Verdict.ChromiumMessage(r.Request)),
			browserOf(r.Firefox, r.Firefox.Verdict.FirefoxMessage()),
		},
		Exchanges: []jsonExchange{},
		Warnings:  differences(r),
	}
	main := r.main()
	for _, e := range main.Exchanges {
		out.Exchanges = append(out.Exchanges, exchangeOf(e))
	}
	if !main.Verdict.Allowed {
		f := fixFor(r, main, server)
		out.Fix = &jsonFix{f.Text, f.Server, f.Lines, f.Note}
	}
	for _, line := range cookieLines(r, main) {
		text := line.text
		if line.fix != "" {
			text += ". Fix: " + line.fix
		}
		out.Cookies = append(out.Cookies, jsonCookie{line.ok, text})
	}
	return out
}

func exchangeOf(e exchange) jsonExchange {
	return jsonExchange{
		Preflight: e.Message.Preflight, Method: e.Message.Method, URL: e.Message.URL.String(), Sent: pairs(e.Message.Header),
		StandIn: e.Response.StandIn, Status: e.Response.Status, Came: pairs(e.Response.Header), Broken: e.Response.Broken,
	}
}

func browserOf(o outcome, console string) jsonBrowser {
	v := o.Verdict
	b := jsonBrowser{Name: o.Engine.Name, Allowed: v.Allowed, Opaque: v.Opaque, Sent: v.Sent, Status: v.Status, Readable: v.Read, Checks: []jsonCheck{}}
	if !v.Allowed {
		b.Reason, b.Explain, b.Preflight, b.Header, b.Section, b.Console = string(v.Reason), v.Explain(), v.Preflight, v.Header, v.Section.URL, console
		if v.Present {
			b.Value = &v.Value
		}
	}
	for _, c := range o.Checks {
		b.Checks = append(b.Checks, jsonCheck{c.OK, c.Title, c.Detail, c.Section.URL})
	}
	return b
}

func pairs(h fetch.Header) [][2]string {
	out := make([][2]string, len(h))
	for i, f := range h {
		out[i] = [2]string{f.Name, f.Value}
	}
	return out
}
