package fetch_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"example.com/api/internal/fetch"
)

// An observation is a case and what real browsers did with it. The file
// format is described with the program that writes it, in e2e/oracle.
type observation struct {
	Seed              int64
	Case              int
	Topic             string
	ThirdPartyCookies string
	Page              struct{ URL, Origin, AddressSpace, LocalNetworkAccess string }
	Request           struct {
		URL, Mode                   string
		Method                      *string
		Headers                     [][2]latin1
		Body, Credentials, Redirect string
		UploadListener              bool
	}
	Cookies []struct {
		Host, Path, Name, Value, SameSite string
		Secure                            bool
	}
	Hops     []hop
	Observed map[string]observed
}

type hop struct {
	URL                 string
	Preflight, Response *struct {
		Status  int
		Headers [][2]latin1
	}
}

type observed struct {
	Arrived []struct {
		Hop       int
		Preflight bool
		Method    string
		Headers   [][2]latin1
	}
	Result struct {
		Outcome, Type string
		Status        int
		Readable      []string
	}
	CORSError, FailedParameter string
	Console                    []string
}

// latin1 is a string of one character per byte in JSON.
type latin1 string

func (s *latin1) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return err
	}
	raw := make([]byte, 0, len(text))
	for _, r := range text {
		raw = append(raw, byte(r))
	}
	*s = latin1(raw)
	return nil
}

// observations reads testdata/*.jsonl, or the directory that
// CORS_OBSERVATIONS names, and calls yield for each case.
func observations(t *testing.T, yield func(observation)) {
	t.Helper()
	dir := os.Getenv("CORS_OBSERVATIONS")
	if dir == "" {
		dir = "testdata"
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no observations in %s: %v", dir, err)
	}
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, 1<<22)
		for lines.Scan() {
			var o observation
			if err := json.Unmarshal(lines.Bytes(), &o); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			yield(o)
		}
		f.Close()
		if err := lines.Err(); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
	}
}

// TestObservations compares the package with what Chromium and Firefox did.
func TestObservations(t *testing.T) {
	all, agree := 0, 0
	observations(t, func(o observation) {
		for _, engine := range []fetch.Engine{fetch.Chromium(), fetch.Firefox()} {
			seen, ok := o.Observed[strings.ToLower(engine.Name)]
			if !ok {
				continue
			}
			all++
			if differences := compare(engine, o, seen); len(differences) == 0 {
				agree++
			} else if all-agree <= 60 {
				t.Errorf("seed %d, case %d (%s), %s:\n\t%s\n\tReplay: make oracle SEED=%d ONLY=%d THIRD_PARTY_COOKIES=%s",
					o.Seed, o.Case, o.Topic, engine.Name, strings.Join(differences, "\n\t"), o.Seed, o.Case, o.ThirdPartyCookies)
			}
		}
	})
	t.Logf("%d of %d observations agree", agree, all)
}

// TestEveryDifferenceIsSeen checks that each field of an Engine is needed: with
// the standard's value in its place, some observation differs. The document
// lists each field.
func TestEveryDifferenceIsSeen(t *testing.T) {
	doc, err := os.ReadFile("../../docs/engine-differences.md")
	if err != nil {
		t.Fatal(err)
	}
	type field struct{ engine, name string }
	missing := map[field]fetch.Engine{} // with the field taken back
	for _, engine := range []fetch.Engine{fetch.Chromium(), fetch.Firefox()} {
		value := reflect.ValueOf(&engine).Elem()
		for i := range value.NumField() {
			name := value.Type().Field(i).Name
			if name == "Name" || value.Field(i).IsZero() {
				continue
			}
			if !bytes.Contains(doc, []byte("`"+name+"`")) {
				t.Errorf("docs/engine-differences.md does not list %s", name)
			}
			// No observation waits for a cache to expire or has a private address.
			if name == "MaxAgeLimit" || name == "LocalNetworkByHTTP" {
				continue
			}
			changed := engine
			reflect.ValueOf(&changed).Elem().Field(i).SetZero()
			missing[field{engine.Name, name}] = changed
		}
	}
	observations(t, func(o observation) {
		for f, engine := range missing {
			if len(compare(engine, o, o.Observed[strings.ToLower(f.engine)])) > 0 {
				delete(missing, f)
			}
		}
	})
	for f := range missing {
		t.Errorf("no observation shows %s of %s", f.name, f.engine)
	}
}

// compare plays one case against the package and returns what differs.
func compare(engine fetch.Engine, o observation, seen observed) (differences []string) {
	differ := func(format string, args ...any) { differences = append(differences, fmt.Sprintf(format, args...)) }

	u, err := fetch.ParseURL(o.Request.URL)
	if err != nil {
		return []string{o.Request.URL + " " + err.Error()}
	}
	r := fetch.Request{
		Method: "GET", URL: u, Header: header(o.Request.Headers), Origin: o.Page.Origin, Page: o.Page.URL,
		Mode: fetch.Mode(o.Request.Mode), Credentials: fetch.Credentials(o.Request.Credentials), Redirect: fetch.Redirect(o.Request.Redirect),
		Body: o.Request.Body != "" && o.Request.Body != "none", BodyType: bodyType(o.Request.Body),
	}
	r.UploadListener, r.XHR = o.Request.UploadListener, o.Request.UploadListener
	if o.Page.AddressSpace == "public" { // and every other port is the loopback's
		r.PageSpace, r.LocalNetworkDenied = fetch.SpacePublic, o.Page.LocalNetworkAccess == "denied"
		r.Spaces = map[string]fetch.Space{}
		for _, h := range o.Hops {
			if to, err := fetch.ParseURL(h.URL); err == nil {
				r.Spaces[fetch.OriginOf(to)] = fetch.SpaceLoopback
			}
		}
		r.Spaces[o.Page.Origin] = fetch.SpacePublic
	}
	if o.Request.Method != nil {
		if r.Method = *o.Request.Method; r.Method == "" {
			return nil // the empty string stands for GET in Request
		}
	}

	var got []fetch.Response
	step := engine.Next(r, got)
	sent := 0 // messages that the browser sent, of those compared so far
	for ; step.Send != nil; sent++ {
		i := sent
		// Whether an entry is still in the preflight cache, of which Firefox
		// keeps a hundred, depends on the other cases.
		for i > 0 && i < len(seen.Arrived) && !step.Send.Preflight && repeated(seen, i) {
			i, sent = i+1, sent+1
		}
		if i == len(seen.Arrived) {
			differ("sent: %s, but the browser sent no further request", write(*step.Send))
			return differences
		}
		arrived := seen.Arrived[i]
		answer := answerTo(o.Hops, *step.Send)
		if answer == nil {
			differ("sent: %s, for which the case has no answer", write(*step.Send))
			return differences
		}
		if want, got := fmt.Sprintf("%v %s hop %d", arrived.Preflight, arrived.Method, arrived.Hop), fmt.Sprintf("%v %s hop %d", step.Send.Preflight, step.Send.Method, answer.index); got != want {
			differ("message %d: got preflight=%s, the browser sent preflight=%s", i, got, want)
			return differences
		}
		for _, name := range []string{"Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers", "Authorization"} {
			want, wanted := header(arrived.Headers).Get(name)
			got, sent := step.Send.Header.Get(name)
			if name == "Authorization" && sent && engine.Name == "Firefox" {
				got = step.Send.Header.Lines(name)[len(step.Send.Header.Lines(name))-1] // of several, Firefox sends the last
			}
			if want != got || wanted != sent {
				differ("message %d: %s: got %q (%v), the browser sent %q (%v)", i, name, got, sent, want, wanted)
			}
		}
		if want, got := cookieNames(header(arrived.Headers)), jar(engine, o, *step.Send); !slices.Equal(got, want) {
			differ("message %d: cookies: got %q, the browser sent %q", i, got, want)
		}
		got = append(got, answer.response)
		step = engine.Next(r, got)
	}
	if n := sent; n < len(seen.Arrived) {
		differ("the browser sent %d messages, got %d; verdict %+v", len(seen.Arrived), n, *step.Verdict)
		return differences
	}

	v := *step.Verdict
	if want := seen.Result.Outcome == "resolved"; v.Allowed != want {
		differ("allowed: got %v (%s), the browser %s; %s", v.Allowed, v.Explain(), seen.Result.Outcome, strings.Join(seen.Console, " | "))
		return differences
	}
	if v.Allowed {
		if opaque := strings.HasPrefix(seen.Result.Type, "opaque"); v.Opaque != opaque {
			differ("opaque: got %v, the browser says %s", v.Opaque, seen.Result.Type)
		}
		if !slices.Equal(v.Read, seen.Result.Readable) {
			differ("readable headers: got %q, the browser says %q", v.Read, seen.Result.Readable)
		}
		return differences
	}
	if engine.Name == "Chromium" {
		if v.CORSError() != seen.CORSError {
			differ("corsError: got %q, Chromium says %q", v.CORSError(), seen.CORSError)
		}
		if v.Reason == fetch.HeaderDisallowed && slices.Contains(v.Missing, seen.FailedParameter) {
			v.Param = seen.FailedParameter // Chromium reports any of them
		}
		if v.ChromiumMessage(r) != "" && !slices.Contains(seen.Console, v.ChromiumMessage(r)) {
			differ("console: got %q\n\t     want %q", v.ChromiumMessage(r), seen.Console)
		}
	}
	// Firefox stops a redirect to another scheme before the CORS check.
	early := slices.ContainsFunc(o.Hops, func(h hop) bool {
		location, _ := header(h.Response.Headers).Get("Location")
		u, err := url.Parse(location)
		return err == nil && u.Scheme != "" && !strings.HasPrefix(u.Scheme, "http")
	})
	if message := v.FirefoxMessage(); !early && engine.Name == "Firefox" && message != "" && !slices.Contains(seen.Console, message) {
		differ("console: got %q\n\t     want %q", message, seen.Console)
	}
	return differences
}

// repeated reports whether message i is a preflight that was sent before.
func repeated(seen observed, i int) bool {
	for _, before := range seen.Arrived[:i] {
		if seen.Arrived[i].Preflight && reflect.DeepEqual(before, seen.Arrived[i]) {
			return true
		}
	}
	return false
}

// cookieNames returns the names in a Cookie header that stand for the jar
// before the call: k0, k1 and so on.
func cookieNames(h fetch.Header) []string {
	var names []string
	value, _ := h.Get("Cookie")
	for pair := range strings.SplitSeq(value, ";") {
		if name, _, _ := strings.Cut(strings.TrimSpace(pair), "="); strings.HasPrefix(name, "k") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// jar returns the names of the cookies that go along with m.
func jar(engine fetch.Engine, o observation, m fetch.Message) []string {
	var names []string
	for _, c := range o.Cookies {
		cookie := fetch.Cookie{Name: c.Name, Secure: c.Secure, SameSite: strings.TrimPrefix(c.SameSite, "unset")}
		problem := engine.CheckCookie(cookie, o.Page.Origin, m.URL, fetch.CredentialsInclude)
		allowed := problem == "" || problem == fetch.CookieThirdParty && o.ThirdPartyCookies == "allow"
		if m.CrossSite && (c.SameSite == "lax" || c.SameSite == "strict") {
			continue
		}
		if m.Credentials && m.URL.Hostname() == c.Host && strings.HasPrefix(m.URL.Path, c.Path) && allowed {
			names = append(names, c.Name)
		}
	}
	slices.Sort(names)
	return names
}

type answer struct {
	index    int
	response fetch.Response
}

// answerTo finds what the case's server answers to a message.
func answerTo(hops []hop, m fetch.Message) *answer {
	// The server goes by the path: a relative redirect may lead to another of
	// its names and ports.
	for i, h := range hops {
		u, err := url.Parse(h.URL)
		if err != nil || u.RequestURI() != m.URL.RequestURI() {
			continue
		}
		script := h.Response
		if m.Preflight {
			script = h.Preflight
		}
		if script == nil {
			return nil
		}
		return &answer{i, fetch.Response{Status: script.Status, Header: header(script.Headers)}}
	}
	return nil
}

// header turns the lines of a case into a header as a network stack reads it:
// blanks around values are gone.
func header(lines [][2]latin1) fetch.Header {
	var h fetch.Header
	for _, line := range lines {
		h = append(h, fetch.Field{Name: string(line[0]), Value: strings.Trim(string(line[1]), " \t")})
	}
	return h
}

func bodyType(body string) string {
	switch body {
	case "text":
		return "text/plain;charset=UTF-8"
	case "params":
		return "application/x-www-form-urlencoded;charset=UTF-8"
	case "form":
		return "multipart/form-data; boundary=x"
	case "json blob":
		return "application/json"
	case "text blob":
		return "text/plain"
	}
	return ""
}

func write(m fetch.Message) string {
	return fmt.Sprintf("%s %s %v", m.Method, m.URL, m.Header)
}
