package simulation

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// item is a row of the table as the model of PostgreSQL keeps it.
type item struct {
	seq                    int64
	id, name, note         string
	nameFolded, noteFolded string
	createdAt, updatedAt   string
}

// itemStore is the table, and what clients were told about it.
type itemStore struct {
	rows  []*item // in the order of seq
	seq   int64
	made  int
	known []*knownItem
}

// knownItem is an item that a client has tried to create, or may have.
type knownItem struct {
	id       string
	names    []string // that it may have; "" means that it may be gone
	certain  bool     // it was created, as a response said
	created  time.Time
	changing bool     // a change is under way
	etags    []string // that it has had, the newest last
	doubtful bool     // it may exist or not
}

// Items is the sample resource.
func Items() *Resource {
	s := new(itemStore)
	return &Resource{
		statements: s.run,
		routes: func(path string) *route {
			switch {
			case path == "/api/items":
				return newRoute("GET", "default", "POST", "default")
			case path == "/api/search":
				return newRoute("GET", "search")
			case strings.HasPrefix(path, "/api/items/") && strings.Count(path, "/") == 3 && path != "/api/items/":
				return newRoute("GET", "default", "PUT", "default", "PATCH", "default", "DELETE", "default")
			}
			return nil
		},
		request: s.request,
		create:  s.create,
		change:  s.changeAny,
		verify:  func(*world) error { return s.verify() },
	}
}

// run is the SQL of package items.
func (s *itemStore) run(sql string, args []*string) (answer, bool) {
	text := func(i int) string { return *args[i-1] }
	number := func(i int) int64 {
		n, _ := strconv.ParseInt(text(i), 10, 64)
		return n
	}
	rows := func(found ...*item) answer {
		a := answer{columns: []column{{"seq", oidInt8}, {"id", oidUUID}, {"name", oidText}, {"note", oidText}, {"created_at", oidTimestamptz}, {"updated_at", oidTimestamptz}}}
		for _, r := range found {
			seq := strconv.FormatInt(r.seq, 10)
			a.rows = append(a.rows, []*string{&seq, &r.id, &r.name, &r.note, &r.createdAt, &r.updatedAt})
		}
		a.tag = fmt.Sprintf("SELECT %d", len(found))
		return a
	}
	page := func(after int64, limit int64, contains string) answer {
		contains = strings.NewReplacer(`\\`, `\`, `\%`, `%`, `\_`, `_`).Replace(strings.TrimSuffix(strings.TrimPrefix(contains, "%"), "%"))
		var found []*item
		for _, r := range s.rows {
			if r.seq > after && int64(len(found)) < limit && (strings.Contains(r.nameFolded, contains) || strings.Contains(r.noteFolded, contains)) {
				found = append(found, r)
			}
		}
		return rows(found...)
	}
	const columns = "seq, id, name, note, created_at, updated_at"
	switch {
	case strings.HasPrefix(sql, "INSERT INTO items "):
		r := &item{id: text(1), name: text(2), note: text(3), nameFolded: text(4), noteFolded: text(5), createdAt: text(6), updatedAt: text(6)}
		return answer{tag: "INSERT 0 1", change: func() {
			s.seq++
			r.seq = s.seq
			s.rows = append(s.rows, r)
		}}, true
	case strings.HasPrefix(sql, "SELECT "+columns+" FROM items WHERE id = $1"):
		a := rows()
		if r := s.find(text(1)); r != nil {
			a = rows(r)
		}
		if strings.HasSuffix(sql, " FOR UPDATE") {
			a.change = func() {} // a standby rejects it
		}
		return a, true
	case sql == "SELECT "+columns+" FROM items WHERE seq > $1 ORDER BY seq LIMIT $2":
		return page(number(1), number(2), ""), true
	case strings.HasPrefix(sql, "SELECT $3 ~ '[[:alnum:]]{3}' AND "): // the rows are few enough for one visit
		yes := "t"
		return answer{columns: []column{{"indexed", oidBool}, {"last", oidInt8}}, rows: [][]*string{{&yes, args[3]}}, tag: "SELECT 1"}, true
	case strings.HasPrefix(sql, "SELECT "+columns+" FROM (SELECT * FROM items WHERE seq > $2"),
		strings.HasPrefix(sql, "WITH found AS MATERIALIZED"):
		return page(number(2), number(3), text(1)), true
	case strings.HasPrefix(sql, "UPDATE items SET "):
		r := s.find(text(1))
		if r == nil {
			return rows(), true
		}
		changed := *r
		for i, field := range []*string{&changed.name, &changed.nameFolded, &changed.note, &changed.noteFolded} {
			if args[i+1] != nil {
				*field = *args[i+1]
			}
		}
		changed.updatedAt = text(6)
		a := rows(&changed)
		a.change = func() { *r = changed }
		return a, true
	case strings.HasPrefix(sql, "DELETE FROM items "):
		r := s.find(text(1))
		if r == nil {
			return rows(), true
		}
		a := rows(r)
		a.change = func() { s.rows = slices.DeleteFunc(s.rows, func(other *item) bool { return other == r }) }
		return a, true
	}
	return answer{}, false
}

func (s *itemStore) find(id string) *item {
	i := slices.IndexFunc(s.rows, func(r *item) bool { return r.id == id })
	if i < 0 {
		return nil
	}
	return s.rows[i]
}

// request returns a random request for items.
func (s *itemStore) request(w *world, v *visitor) *request {
	var certain []*knownItem
	for _, k := range s.known {
		if k.certain {
			certain = append(certain, k)
		}
	}
	if len(certain) == 0 {
		if w.chance(20) {
			return s.list(w, v)
		}
		return s.create(w, v)
	}
	k := certain[w.rng.IntN(len(certain))]
	switch w.rng.IntN(10) {
	case 0:
		return s.list(w, v)
	case 1:
		return s.walk(w, v)
	case 2:
		if w.chance(40) {
			return s.mistaken(w, v, k)
		}
		return s.search(w, v, k)
	case 3, 4:
		return s.get(w, v, k)
	case 5:
		if !k.changing {
			return s.remove(w, v, k)
		}
	case 6, 7:
		if !k.changing {
			return s.rename(w, v, k)
		}
	}
	return s.create(w, v)
}

func (s *itemStore) newRequest(w *world, v *visitor, method, path string, statuses ...int) *request {
	q := w.newRequest(v.address, method, path, statuses...)
	q.usesReads = method == http.MethodGet
	q.usesWrites = !q.usesReads
	return q
}

// mayHaveHappened reports whether, after this failure, the change may have been made.
func mayHaveHappened(r *response) bool {
	return r.StatusCode >= 500 && !(r.StatusCode == http.StatusServiceUnavailable && !strings.Contains(string(r.body), "may have been saved"))
}

// changeAny renames an item that is there, or creates one if there is none.
func (s *itemStore) changeAny(w *world, v *visitor) *request {
	var there []*knownItem
	for _, k := range s.known {
		if k.certain && !k.changing && len(k.names) == 1 && k.names[0] != "" {
			there = append(there, k)
		}
	}
	if len(there) == 0 {
		return s.create(w, v)
	}
	return s.rename(w, v, there[w.rng.IntN(len(there))])
}

func (s *itemStore) create(w *world, v *visitor) *request {
	s.made++
	name := fmt.Sprintf("item %d", s.made)
	k := &knownItem{names: []string{name}}
	s.known = append(s.known, k)
	q := s.newRequest(w, v, "POST", "/api/items", 201)
	w.setJSON(q, fmt.Sprintf(`{"name": %q, "note": "of %s"}`, name, v.address), 422)
	q.unanswered = func() { k.doubtful = true }
	q.answered = func(r *response) {
		if r.StatusCode != http.StatusCreated {
			k.doubtful = mayHaveHappened(r)
			return
		}
		var made struct{ ID, Name string }
		err := json.Unmarshal(r.body, &made)
		if err != nil || made.Name != name || r.Header.Get("Location") != "/api/items/"+made.ID || r.Header.Get("Etag") == "" {
			w.fail("%s: 201 with %s, Location %q, ETag %q", q, r.body, r.Header.Get("Location"), r.Header.Get("Etag"))
		}
		k.id, k.certain, k.created, k.etags = made.ID, true, r.at, r.Header["Etag"]
	}
	return q
}

func (s *itemStore) get(w *world, v *visitor, k *knownItem) *request {
	q := s.newRequest(w, v, "GET", "/api/items/"+k.id, 200)
	names := slices.Clone(k.names)
	q.shown = "/api/items/{" + names[0] + "}"
	q.settle = func() { // what changed meanwhile is known only now
		if names = append(names, k.names...); slices.Contains(names, "") {
			q.statuses = append(q.statuses, 404)
		}
	}
	q.answered = func(r *response) {
		if r.StatusCode != http.StatusOK {
			return
		}
		var got struct{ Name string }
		if err := json.Unmarshal(r.body, &got); err != nil || !slices.Contains(names, got.Name) {
			w.fail("%s: name %q, want one of %q", q, got.Name, names)
		}
	}
	return q
}

func (s *itemStore) list(w *world, v *visitor) *request {
	return s.page(w, v, "/api/items?limit=100", "")
}

func (s *itemStore) search(w *world, v *visitor, k *knownItem) *request {
	q := []string{"item", "ITEM 1", "of 192.", "m", "%", "no such text"}[w.rng.IntN(6)]
	return s.page(w, v, "/api/search?limit=100&q="+url.QueryEscape(q), strings.ToLower(q))
}

// page asks for a list, which must hold each item that was created before.
func (s *itemStore) page(w *world, v *visitor, path, text string) *request {
	q := s.newRequest(w, v, "GET", path, 200)
	q.answered = func(r *response) {
		if r.StatusCode != http.StatusOK {
			return
		}
		var got struct {
			Items []struct{ ID, Name, Note string }
		}
		if err := json.Unmarshal(r.body, &got); err != nil {
			w.fail("%s: %v: %.200s", q, err, r.body)
		}
		ids := make(map[string]bool)
		for _, one := range got.Items {
			if ids[one.ID] || !strings.Contains(strings.ToLower(one.Name+"\n"+one.Note), text) {
				w.fail("%s: %q should not be there, or not twice", q, one.Name)
			}
			ids[one.ID] = true
		}
		for _, k := range s.known {
			if k.certain && k.created.Before(q.begunAt) && !k.changing && len(k.names) == 1 && k.names[0] != "" &&
				strings.Contains(k.names[0], text) && !ids[k.id] {
				w.fail("%s: %q is missing", q, k.names[0])
			}
		}
	}
	return q
}

// mistaken asks for a page or an item that nobody can name like this.
func (s *itemStore) mistaken(w *world, v *visitor, k *knownItem) *request {
	if w.chance(30) {
		id := []string{"nothing", "urn:uuid:" + k.id, strings.ReplaceAll(k.id, "-", ""), "00000000-0000-0000-0000-000000000000"}[w.rng.IntN(4)]
		method := []string{"GET", "DELETE"}[w.rng.IntN(2)]
		q := s.newRequest(w, v, method, "/api/items/"+id, 404)
		q.shown = "/api/items/..."
		return q
	}
	page := []string{"limit=0", "limit=101", "limit=x", "cursor=", "cursor=x", "cursor=AQAAAAAAAAAA", "limit=%zz"}
	search := append(page, "q=", "x=", "q=%00", "q=%ff")
	if w.chance(50) {
		return w.newRequest(v.address, "GET", "/api/items?"+page[w.rng.IntN(len(page))], 400)
	}
	query := search[w.rng.IntN(len(search))]
	if strings.Contains(query, "limit") || strings.Contains(query, "cursor") {
		query += "&q=item"
	}
	return w.newRequest(v.address, "GET", "/api/search?"+query, 400)
}

// walk asks for page after page. Together, they hold each item that was there all the
// time, once and in the order in which they were created.
func (s *itemStore) walk(w *world, v *visitor) *request {
	path := []string{"/api/items?", "/api/search?q=item&"}[w.rng.IntN(2)] + fmt.Sprintf("limit=%d", 1+w.rng.IntN(3))
	begun, place := time.Now(), make(map[string]int)
	var page func(cursor string) *request
	page = func(cursor string) *request {
		q := s.newRequest(w, v, "GET", path+cursor, 200)
		q.answered = func(r *response) {
			var got struct {
				Items []struct{ ID string }
				Next  string `json:"next_cursor"`
			}
			if r.StatusCode != http.StatusOK || json.Unmarshal(r.body, &got) != nil {
				return
			}
			for _, one := range got.Items {
				if place[one.ID] > 0 {
					w.fail("%s: %s is there twice", q, one.ID)
				}
				place[one.ID] = 1 + len(place)
			}
			if got.Next != "" {
				w.after(w.between(0, 100*time.Millisecond), "", func() {
					if next := page("&cursor=" + got.Next); v.conn == nil || !v.conn.sending {
						w.send(v, next)
					}
				})
				return
			}
			last := 0
			for _, row := range s.rows {
				if n := place[row.id]; n > 0 && n < last {
					w.fail("%s: %q is not in its place", q, row.name)
				} else if n > 0 {
					last = n
				}
			}
			for _, k := range s.known {
				if k.certain && k.created.Before(begun) && !k.changing && len(k.names) == 1 && k.names[0] != "" && place[k.id] == 0 {
					w.fail("%s: %q was on no page", q, k.names[0])
				}
			}
		}
		return q
	}
	return page("")
}

// change makes the outcome of a request the new state of an item.
func (s *itemStore) change(q *request, k *knownItem, name string) {
	k.changing = true
	before := k.names
	k.names = append(slices.Clone(before), name)
	if slices.Contains(before, "") {
		q.statuses = append(q.statuses, 404)
	}
	q.shown = "/api/items/{" + before[0] + "}"
	q.unanswered = func() { k.changing = false }
	q.answered = func(r *response) {
		k.changing = false
		switch {
		case r.StatusCode < 300 && len(before) == 1:
			k.names = []string{name}
			k.etags = append(k.etags, r.Header["Etag"]...)
		case r.StatusCode < 300, mayHaveHappened(r): // one that was cut off earlier may still be made
		default:
			k.names = before
		}
	}
}

func (s *itemStore) rename(w *world, v *visitor, k *knownItem) *request {
	s.made++
	name := fmt.Sprintf("item %d", s.made)
	q := s.newRequest(w, v, []string{"PUT", "PATCH"}[w.rng.IntN(2)], "/api/items/"+k.id, 200)
	missing := 422
	if q.method == "PATCH" {
		missing = 200
	}
	w.setJSON(q, fmt.Sprintf(`{"name": %q}`, name), missing)
	before := k.names
	if string(q.body) == "{}" {
		name = before[0]
	}
	s.change(q, k, name)
	s.guard(w, q, k, before)
	return q
}

func (s *itemStore) remove(w *world, v *visitor, k *knownItem) *request {
	q := s.newRequest(w, v, "DELETE", "/api/items/"+k.id, 204)
	before := k.names
	s.change(q, k, "")
	s.guard(w, q, k, before)
	return q
}

// guard sometimes gives a change an If-Match: the newest ETag or an older one, among
// others, or a list that is wrong.
func (s *itemStore) guard(w *world, q *request, k *knownItem, before []string) {
	if n := len(k.etags); n > 0 && w.chance(40) {
		i := w.rng.IntN(n)
		list, isWrong := k.etags[i], false
		switch w.rng.IntN(8) {
		case 0:
			list = `"other", , ` + list + `,W/"weak"`
		case 1:
			list = "W/" + list
		case 2:
			list = "*"
		case 3:
			list, isWrong = []string{"", ",", "x", `"a" "b"`, `"a`, "*, *"}[w.rng.IntN(6)], true
		}
		q.headers = append(q.headers, "If-Match: "+list)
		switch certain := len(before) == 1 && before[0] != ""; {
		case list == "*":
		case isWrong:
			q.readsBody = false // but it may be too large
			q.statuses = append(slices.DeleteFunc(q.statuses, func(status int) bool { return status != 413 }), 400)
		case strings.HasPrefix(list, "W/") && certain && (slices.Contains(q.statuses, 200) || slices.Contains(q.statuses, 204)):
			q.statuses = []int{412}
		case len(before) > 1 || before[0] == "": // nobody knows which change was the last
			q.statuses = append(q.statuses, 412)
		case i < n-1 && slices.Contains(q.statuses, 200), i < n-1 && slices.Contains(q.statuses, 204):
			q.statuses = []int{412}
		}
	}
}

// verify compares the table with what clients were told.
func (s *itemStore) verify() error {
	names := make(map[string]int)
	for _, r := range s.rows {
		names[r.name]++
	}
	for _, k := range s.known {
		switch {
		case k.certain:
			name := ""
			if r := s.find(k.id); r != nil {
				name = r.name
			}
			if !slices.Contains(k.names, name) {
				return fmt.Errorf("item %s was acknowledged and is now %q, not one of %q", k.id, name, k.names)
			}
		case !k.doubtful && names[k.names[0]] > 0:
			return fmt.Errorf("%q was stored, but its client was told that it was not", k.names[0])
		case names[k.names[0]] > 1:
			return fmt.Errorf("%q was stored %d times", k.names[0], names[k.names[0]])
		}
	}
	return nil
}
