package simulation

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ulule/limiter/v3"
)

// route is what the contract says about a path.
type route struct {
	policies map[string]string // of the rate limit, by method; "": none
	public   bool
	health   bool
}

func newRoute(policies ...string) *route {
	r := &route{policies: make(map[string]string)}
	for i := 0; i < len(policies); i += 2 {
		r.policies[policies[i]] = policies[i+1]
		if policies[i] == http.MethodGet {
			r.policies[http.MethodHead] = policies[i+1]
		}
	}
	return r
}

// routes are the paths without those of resources.
func routes() map[string]*route {
	health, public := newRoute("GET", ""), newRoute("GET", "docs")
	health.health, public.public = true, true
	return map[string]*route{
		"/api/hello":    newRoute("GET", "default"),
		"/api/upload":   newRoute("POST", "upload"),
		"/api/session":  newRoute("GET", "default", "DELETE", "default", "POST", "session"),
		"/":             newRoute("GET", ""),
		"/healthz":      health,
		"/readyz":       health,
		"/openapi.yaml": public,
		"/docs":         newRoute("GET", "docs"),

		"/docs/nothing.js": newRoute("GET", "docs"),
	}
}

// judge returns what is wrong with a response.
func (w *world) judge(q *request, r *response) error {
	if err := w.judgeTime(q, r); err != nil {
		return err
	}
	if q.headAt.IsZero() { // net/http responds by itself to headers that are too slow or wrong
		if !slices.Contains([]int{400, 431, 501, 505}, r.StatusCode) || len(r.Header["Access-Control-Allow-Origin"]) > 0 {
			return fmt.Errorf("to a head that is not complete: %v", r.Header)
		}
		return nil
	}
	anyOrigin := w.scenario.anyOrigin || q.route != nil && q.route.public && (q.method == "GET" || q.method == "HEAD" || q.method == "OPTIONS")
	if err := judgeCORS(q, r, anyOrigin); err != nil {
		return err
	}
	mayCall := anyOrigin || q.origin.kind == allowed
	if len(q.origin.lines) > 0 && q.asks != "" && q.method == "OPTIONS" && mayCall {
		return w.judgePreflight(q, r)
	}
	if err := w.judgeSecurityHeaders(q, r); err != nil {
		return err
	}
	if q.origin.kind == denied && !anyOrigin {
		return w.isProblem(q, r, "", http.StatusForbidden)
	}
	id := strings.Join(r.Header["X-Request-Id"], "|")
	if id != q.id && !(q.badID != "" && len(id) == 32 && strings.Trim(id, "0123456789abcdef") == "") {
		return fmt.Errorf("X-Request-ID %q", id)
	}
	policy, served := "", false
	if q.route != nil {
		policy, served = q.route.policies[q.method]
	}
	forged := (q.site == "cross-site" || q.site == "same-site") && !slices.Contains([]string{"GET", "HEAD", "OPTIONS"}, q.method) &&
		q.origin.kind != allowed && (!w.scenario.anyOrigin || len(q.origin.lines) == 0)
	isHealth := q.route != nil && q.route.health && q.method != http.MethodOptions // which no route has
	switch {
	case !isAPIHost(q.host) && !isHealth:
		return w.isProblem(q, r, q.id, http.StatusBadRequest)
	case w.settings.HTTPSRedirect && q.scheme == "http" && !isHealth:
		if q.method != "GET" && q.method != "HEAD" {
			return w.isProblem(q, r, q.id, http.StatusForbidden)
		}
		if got := r.Header.Get("Location"); got != "https://"+apiHost+q.path {
			return fmt.Errorf("redirects to %q", got)
		}
		return hasStatus(r, http.StatusPermanentRedirect)
	case forged:
		return w.isProblem(q, r, q.id, http.StatusForbidden)
	case q.route == nil:
		return w.isProblem(q, r, q.id, http.StatusNotFound)
	case !served && r.Header.Get("Allow") == "":
		return errors.New("no Allow")
	case q.method == "OPTIONS":
		return hasStatus(r, http.StatusNoContent)
	case !served:
		return w.isProblem(q, r, q.id, http.StatusMethodNotAllowed)
	}
	if rate, limited := w.rates[policy]; limited {
		if err := w.judgeLimit(q, r, policy, rate); err != nil || r.StatusCode == http.StatusTooManyRequests {
			return err
		}
	} else if r.Header.Get("X-Ratelimit-Limit") != "" {
		return errors.New("rate limit headers on a route without a limit")
	}
	return w.judgeHandler(q, r)
}

// judgeTime checks that the response came in time.
func (w *world) judgeTime(q *request, r *response) error {
	from := q.lastAt
	if q.conn.last.After(from) {
		from = q.conn.last // pipelined
	}
	if w.full.overlaps(from, r.at) {
		return nil // its connection may have waited
	}
	if took := r.at.Sub(from); took > r.within && q.conn.window == 0 {
		return fmt.Errorf("answered after %s, later than %s", took, r.within)
	}
	return nil
}

// mayTake is how long a response may take. A request may wait 2 s for the database,
// 100 ms for Redis, and for a client that has stopped sending.
func (q *request) mayTake() time.Duration {
	limit := 200 * time.Millisecond
	if q.path == "/readyz" {
		limit += 300 * time.Millisecond
	}
	if q.usesReads || q.usesWrites {
		limit += 2 * time.Second
	}
	if !q.complete {
		limit += 15 * time.Second // 10 s without a byte, answered within 5 s
	}
	return limit
}

func judgeCORS(q *request, r *response, anyOrigin bool) error {
	h := r.Header
	allowedOrigin, vary := strings.Join(h["Access-Control-Allow-Origin"], "|"), strings.Join(h["Vary"], ",")
	want := ""
	switch {
	case anyOrigin:
		want = "*"
	case q.origin.kind == allowed:
		want = q.origin.lines[0]
	}
	if allowedOrigin != want {
		return fmt.Errorf("Access-Control-Allow-Origin %q, want %q", allowedOrigin, want)
	}
	if exposed := h.Get("Access-Control-Expose-Headers"); want != "" && q.asks == "" && (!strings.Contains(exposed, "X-Request-Id") || !strings.Contains(exposed, "Retry-After")) {
		return fmt.Errorf("Access-Control-Expose-Headers %q", exposed)
	}
	credentials := strings.Join(h["Access-Control-Allow-Credentials"], "|")
	if wantTrue := !anyOrigin && want != ""; wantTrue && credentials != "true" || !wantTrue && credentials != "" {
		return fmt.Errorf("Access-Control-Allow-Credentials %q", credentials)
	}
	if want == "" {
		for name := range h {
			if strings.HasPrefix(name, "Access-Control-") {
				return fmt.Errorf("%s for an origin that may not call", name)
			}
		}
	}
	if strings.Contains(vary, "Origin") == anyOrigin {
		return fmt.Errorf("got Vary: %q", vary)
	}
	return nil
}

func (w *world) judgePreflight(q *request, r *response) error {
	if len(r.body) > 0 {
		return errors.New("a preflight with a body")
	}
	// A list of * stands for what the preflight asks for, if all of that is a name.
	want := func(setting []string, asked ...string) string {
		switch {
		case !slices.Equal(setting, []string{"*"}):
			return strings.Join(setting, ",")
		case slices.ContainsFunc(asked, func(name string) bool { return strings.Contains(name, " ") }):
			return ""
		}
		return strings.Join(asked, ",")
	}
	names := strings.FieldsFunc(q.asksFor, func(c rune) bool { return c == ',' })
	for name, value := range map[string]string{
		"Access-Control-Allow-Methods": want(w.settings.CORSMethods, q.asks),
		"Access-Control-Allow-Headers": want(w.settings.CORSHeaders, names...),
		"Access-Control-Max-Age":       "600",
	} {
		if got := strings.Join(r.Header[name], "|"); !strings.EqualFold(got, value) {
			return fmt.Errorf("%s %q, want %q", name, got, value)
		}
	}
	if vary := strings.Join(r.Header["Vary"], ","); !strings.Contains(vary, "Access-Control-Request-Method") || !strings.Contains(vary, "Access-Control-Request-Headers") {
		return fmt.Errorf("preflight with Vary: %q", vary)
	}
	for _, name := range []string{"X-Request-Id", "X-Ratelimit-Limit"} {
		if r.Header.Get(name) != "" {
			return fmt.Errorf("%s on a preflight", name)
		}
	}
	return hasStatus(r, http.StatusNoContent)
}

func (w *world) judgeSecurityHeaders(q *request, r *response) error {
	want := map[string]string{
		"X-Content-Type-Options":       "nosniff",
		"X-Frame-Options":              "DENY",
		"Content-Security-Policy":      "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
		"Referrer-Policy":              "strict-origin-when-cross-origin",
		"Cache-Control":                "no-store",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Cross-Origin-Opener-Policy":   "same-origin",
		"Strict-Transport-Security":    "",
		"Server":                       "",
		"X-Powered-By":                 "",
	}
	if seconds := int(w.settings.HSTSMaxAge / time.Second); seconds > 0 && (q.scheme == "https" || !w.scenario.proxied) {
		want["Strict-Transport-Security"] = fmt.Sprintf("max-age=%d; includeSubDomains", seconds)
	}
	if q.path == "/docs" {
		delete(want, "Content-Security-Policy")
		delete(want, "Cache-Control")
	}
	for name, value := range want {
		if got := strings.Join(r.Header[name], "|"); got != value {
			return fmt.Errorf("%s %q, want %q", name, got, value)
		}
	}
	return nil
}

func hasStatus(r *response, status int) error {
	if r.StatusCode != status {
		return fmt.Errorf("status %d, want %d: %.300s", r.StatusCode, status, r.body)
	}
	return nil
}

// isProblem checks a problem. The id is not "" if the problem has that of the
// response.
func (w *world) isProblem(q *request, r *response, id string, status int) error {
	if err := hasStatus(r, status); err != nil {
		return err
	}
	if got := r.Header.Get("Content-Type"); got != "application/problem+json" {
		return fmt.Errorf("%d with Content-Type %q", status, got)
	}
	if q.method == "HEAD" {
		return nil
	}
	var p struct {
		Type, Title, Detail string
		Status              int
		RequestID           string `json:"request_id"`
	}
	if err := json.Unmarshal(r.body, &p); err != nil {
		return fmt.Errorf("a problem that is not JSON: %w: %.200q", err, r.body)
	}
	if p.Type == "" || p.Title == "" || p.Detail == "" || p.Status != status || (id != "") != (p.RequestID != "") || p.RequestID != r.Header.Get("X-Request-Id") {
		return fmt.Errorf("problem %s, want status %d and request_id %q", r.body, status, r.Header.Get("X-Request-Id"))
	}
	return nil
}

// judgeLimit checks the headers of the limit and records the request in the ledger,
// which knows what must pass and what must not.
func (w *world) judgeLimit(q *request, r *response, policy string, rate limiter.Rate) error {
	period := int64(rate.Period / time.Second)
	number := func(name string) int64 {
		n, err := strconv.ParseInt(r.Header.Get(name), 10, 64)
		if err != nil {
			return -1
		}
		return n
	}
	remaining, reset := number("X-Ratelimit-Remaining"), number("X-Ratelimit-Reset")
	longest := (11*period + 9) / 10
	var name string
	var left, wait int64
	_, err := fmt.Sscanf(strings.ReplaceAll(r.Header.Get("Ratelimit"), ";", " "), "%q r=%d t=%d", &name, &left, &wait)
	switch {
	case number("X-Ratelimit-Limit") != rate.Limit:
		return fmt.Errorf("X-RateLimit-Limit %q", r.Header.Get("X-Ratelimit-Limit"))
	case r.Header.Get("Ratelimit-Policy") != fmt.Sprintf("%q;q=%d;w=%d", policy, rate.Limit, period):
		return fmt.Errorf("RateLimit-Policy %q", r.Header.Get("Ratelimit-Policy"))
	case err != nil || name != policy || left != remaining || wait < 1 || wait > longest:
		return fmt.Errorf("RateLimit %q", r.Header.Get("Ratelimit"))
	case remaining < 0 || remaining >= rate.Limit && r.StatusCode != http.StatusTooManyRequests:
		return fmt.Errorf("X-RateLimit-Remaining %d", remaining)
	case reset < q.headAt.Unix() || reset > r.at.Unix()+longest+2:
		return fmt.Errorf("X-RateLimit-Reset %d at %d", reset, r.at.Unix())
	}
	if r.StatusCode != http.StatusTooManyRequests {
		return w.ledger.grant(w, policy, q, r)
	}
	if after := number("Retry-After"); after < 1 || after > longest || after < wait {
		return fmt.Errorf("Retry-After %d", after)
	}
	if err := w.isProblem(q, r, q.id, http.StatusTooManyRequests); err != nil {
		return err
	}
	if q.method != "HEAD" && !strings.Contains(string(r.body), fmt.Sprintf(`"violated-policies":[%q]`, policy)) {
		return fmt.Errorf("429 %s", r.body)
	}
	return w.ledger.refuse(w, policy, q, r)
}

// judgeHandler checks the status, and that a failure has its reason.
func (w *world) judgeHandler(q *request, r *response) error {
	status := r.StatusCode
	switch {
	case q.path == "/readyz":
		return w.judgeReady(q, r)
	case status == http.StatusCreated && q.path == "/api/session":
		if cookie := strings.Join(r.Header["Set-Cookie"], "\n"); !strings.Contains(cookie, "__Host-") || !strings.Contains(cookie, "; HttpOnly; Secure") {
			return fmt.Errorf("Set-Cookie: %s", cookie)
		}
		return hasStatus(r, q.statuses[0])
	case slices.Contains(q.statuses, status):
		if status >= 400 {
			if err := w.isProblem(q, r, q.id, status); err != nil {
				return err
			}
		}
		if status == http.StatusUnauthorized && r.Header.Get("WWW-Authenticate") == "" {
			return errors.New("401 without WWW-Authenticate")
		}
		return nil
	case status == http.StatusServiceUnavailable:
		if r.Header.Get("Retry-After") == "" {
			return errors.New("503 without Retry-After")
		}
		overloaded := q.readsBody && strings.Contains(string(r.body), "too many large bodies")
		switch {
		case overloaded && len(q.body) <= freeBytes:
			return errors.New("a small body found no memory")
		case overloaded && q.peak <= w.settings.MaxBufferedBytes:
			return fmt.Errorf("a body found no memory, but only %d bytes were sent", q.peak)
		case !overloaded && !w.databaseMayFail(q, r):
			return fmt.Errorf("503 with a healthy database: %s", r.body)
		}
		return w.isProblem(q, r, q.id, status)
	case status == http.StatusRequestTimeout && q.body != nil && (!q.complete || q.lastAt.Sub(q.headAt) > 10*time.Second):
		return w.isProblem(q, r, q.id, status)
	case status == http.StatusInternalServerError && (q.usesReads || q.usesWrites) && w.wrong.overlaps(q.begunAt, r.at):
		return w.isProblem(q, r, q.id, status)
	}
	return fmt.Errorf("status %d, want %d: %.300s", status, q.statuses, r.body)
}

// databaseMayFail reports whether a fault explains that the database did not respond.
// From two seconds after its end, a fault no longer explains that.
func (w *world) databaseMayFail(q *request, r *response) bool {
	if !q.usesReads && !q.usesWrites {
		return false
	}
	return w.databaseTrouble.overlaps(q.begunAt.Add(-2*time.Second), r.at)
}

func (w *world) judgeReady(q *request, r *response) error {
	want := http.StatusOK
	switch {
	case w.stopped.IsZero():
	case q.lastAt.After(w.stopped), r.StatusCode == http.StatusServiceUnavailable && r.at.After(w.stopped): // SIGTERM came while it was answered
		want = http.StatusServiceUnavailable
	}
	if err := hasStatus(r, want); err != nil || q.method == "HEAD" {
		return err
	}
	var state struct{ Status, Redis, Database string }
	if err := json.Unmarshal(r.body, &state); err != nil {
		return err
	}
	since := q.lastAt.Add(-2 * time.Second)
	switch {
	case !w.scenario.redis && state.Redis != "off":
		return fmt.Errorf("redis is %q, want off", state.Redis)
	case w.scenario.redis && state.Redis != "up" && !w.redisTrouble.overlaps(since, r.at):
		return fmt.Errorf("redis is %q, want up", state.Redis)
	case state.Database != "up" && !w.databaseTrouble.overlaps(since, r.at):
		return fmt.Errorf("database is %q, want up", state.Database)
	}
	return nil
}

// spans are stretches of time in which something was wrong.
type spans struct {
	all    []span
	active int // faults that have begun and not ended
}

// span ends at end, or has not ended if that is zero.
type span struct{ start, end time.Time }

func (s *spans) begin(now time.Time) {
	if s.active++; s.active == 1 {
		s.all = append(s.all, span{start: now})
	}
}

func (s *spans) finish(now time.Time) {
	if s.active--; s.active == 0 {
		s.all[len(s.all)-1].end = now
	}
}

// clear ends all faults.
func (s *spans) clear(now time.Time) {
	if s.active > 0 {
		s.active = 1
		s.finish(now)
	}
}

func (s *spans) overlaps(from, to time.Time) bool {
	return slices.ContainsFunc(s.all, func(one span) bool {
		return !one.start.After(to) && (one.end.IsZero() || !one.end.Before(from))
	})
}
