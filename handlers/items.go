package handlers

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"example.com/api/internal/items"
	"example.com/api/internal/problem"
)

const (
	defaultPageSize = 20
	maxPageSize     = 100
	// maxLongPages is how many pages with long texts are sent at a time. Each takes up
	// to 700 KB.
	maxLongPages = 8
)

// Items handles the routes of the sample resource.
type Items struct {
	store items.Store
	long  chan struct{} // holds a value for each long page that is being sent
}

// NewItems returns the handlers of the items in the store.
func NewItems(store items.Store) Items {
	return Items{store, make(chan struct{}, maxLongPages)}
}

// List responds with a page of items, oldest first.
func (h Items) List(c *gin.Context) {
	_, cursor, limit, wrong := readPageQuery(c.Request)
	if wrong != nil {
		problem.Abort(c, wrong)
		return
	}
	page, err := h.store.List(c.Request.Context(), cursor, limit)
	if err != nil {
		failItems(c, err)
		return
	}
	page, sent := h.fit(page)
	defer sent()
	c.JSON(http.StatusOK, struct {
		Items      []items.Item `json:"items"`
		NextCursor string       `json:"next_cursor,omitempty"`
	}{page.Items, page.Next})
}

// fit returns the page or, if maxLongPages are being sent, its beginning. The server
// holds a page until the client has received it, so clients that receive long pages
// slowly would otherwise use up its memory. The caller must call sent after the
// response.
func (h Items) fit(page items.Page) (fitting items.Page, sent func()) {
	short := page.Short()
	if len(short.Items) == len(page.Items) {
		return page, func() {}
	}
	select {
	case h.long <- struct{}{}:
		return page, func() { <-h.long }
	default:
		return short, func() {}
	}
}

// Search responds with a page of the items whose name or note contains q,
// ignoring case.
func (h Items) Search(c *gin.Context) {
	query, cursor, limit, wrong := readPageQuery(c.Request)
	if wrong != nil {
		problem.Abort(c, wrong)
		return
	}
	q := query.Get("q")
	if q == "" || !utf8.ValidString(q) || strings.ContainsRune(q, 0) {
		problem.Abort(c, problem.BadRequest("The query value q is missing or invalid; send the text to search for: at least one character, in UTF-8 without NUL."))
		return
	}
	page, err := h.store.Search(c.Request.Context(), q, cursor, limit)
	if err != nil {
		failItems(c, err)
		return
	}
	page, sent := h.fit(page)
	defer sent()
	c.JSON(http.StatusOK, struct {
		Query      string       `json:"query"`
		Items      []items.Item `json:"items"`
		NextCursor string       `json:"next_cursor,omitempty"`
	}{q, page.Items, page.Next})
}

// Create stores a new item and responds with it and its Location.
func (h Items) Create(c *gin.Context) {
	draft, wrong := readDraft(c)
	if wrong != nil {
		problem.Abort(c, wrong)
		return
	}
	item, err := h.store.Create(c.Request.Context(), draft)
	if err != nil {
		failItems(c, err)
		return
	}
	c.Header("Location", "/api/items/"+item.ID.String())
	respondItem(c, http.StatusCreated, item)
}

// Get responds with one item.
func (h Items) Get(c *gin.Context) {
	id, wrong := readID(c)
	if wrong != nil {
		problem.Abort(c, wrong)
		return
	}
	item, err := h.store.Get(c.Request.Context(), id)
	if err != nil {
		failItems(c, err)
		return
	}
	respondItem(c, http.StatusOK, item)
}

// Replace sets every field; an omitted note becomes empty.
func (h Items) Replace(c *gin.Context) {
	id, ifMatch, wrong := readTarget(c)
	if wrong != nil {
		problem.Abort(c, wrong)
		return
	}
	draft, wrong := readDraft(c)
	if wrong != nil {
		problem.Abort(c, wrong)
		return
	}
	item, err := h.store.Replace(c.Request.Context(), id, draft, ifMatch)
	if err != nil {
		failItems(c, err)
		return
	}
	respondItem(c, http.StatusOK, item)
}

// Update sets the given fields.
func (h Items) Update(c *gin.Context) {
	id, ifMatch, wrong := readTarget(c)
	if wrong != nil {
		problem.Abort(c, wrong)
		return
	}
	patch, wrong := readItem(c, false)
	if wrong != nil {
		problem.Abort(c, wrong)
		return
	}
	item, err := h.store.Update(c.Request.Context(), id, patch, ifMatch)
	if err != nil {
		failItems(c, err)
		return
	}
	respondItem(c, http.StatusOK, item)
}

// Delete removes an item; deleting it again is a 404.
func (h Items) Delete(c *gin.Context) {
	id, ifMatch, wrong := readTarget(c)
	if wrong != nil {
		problem.Abort(c, wrong)
		return
	}
	if err := h.store.Delete(c.Request.Context(), id, ifMatch); err != nil {
		failItems(c, err)
		return
	}
	c.Status(http.StatusNoContent)
}

// readDraft reads a body that holds the whole item; an omitted note is empty.
func readDraft(c *gin.Context) (items.Draft, *problem.Problem) {
	body, wrong := readItem(c, true)
	if wrong != nil {
		return items.Draft{}, wrong
	}
	draft := items.Draft{Name: *body.Name}
	if body.Note != nil {
		draft.Note = *body.Note
	}
	return draft, nil
}

// readItem reads the fields that a client may set and reports everything that
// is wrong with them at once.
func readItem(c *gin.Context, nameRequired bool) (items.Patch, *problem.Problem) {
	var body items.Patch
	broken, wrong := readJSON(c, &body)
	if wrong != nil {
		return items.Patch{}, wrong
	}
	add := func(field, detail string) {
		broken = append(broken, problem.FieldError{Field: field, Detail: detail})
	}
	isName := func(e problem.FieldError) bool { return e.Field == "name" }
	if nameRequired && body.Name == nil && !slices.ContainsFunc(broken, isName) {
		add("name", "is missing")
	}
	body.Validate(add)
	if len(broken) > 0 {
		return items.Patch{}, problem.Invalid(broken)
	}
	return body, nil
}

// readTarget returns the item that a change is for, and the ETags that it may have.
func readTarget(c *gin.Context) (id uuid.UUID, ifMatch []string, wrong *problem.Problem) {
	if id, wrong = readID(c); wrong != nil {
		return uuid.UUID{}, nil, wrong
	}
	ifMatch, wrong = readIfMatch(c.Request)
	return id, ifMatch, wrong
}

// readID accepts only the canonical form, so that an item has one address.
func readID(c *gin.Context) (uuid.UUID, *problem.Problem) {
	id, err := uuid.Parse(c.Param("id"))
	if err != nil || id.String() != c.Param("id") {
		return uuid.UUID{}, noItem()
	}
	return id, nil
}

func noItem() *problem.Problem { return problem.NotFound("There is no item with this id.") }

// respondItem writes one item with its ETag.
func respondItem(c *gin.Context, status int, item items.Item) {
	c.Header("ETag", item.ETag())
	c.JSON(status, item)
}

// readIfMatch returns the strong ETags of If-Match, with their quotes. It returns nil
// if the request may change any version: without the header, and for *. Weak ETags
// never match (RFC 9110, 13.1.1), so for a list of weak ETags alone it returns an
// empty slice that is not nil.
func readIfMatch(r *http.Request) ([]string, *problem.Problem) {
	lines := r.Header.Values("If-Match")
	list := strings.Trim(strings.Join(lines, ","), " \t")
	if len(lines) == 0 || list == "*" {
		return nil, nil
	}
	strong, ok := parseETags(list)
	if !ok {
		return nil, problem.BadRequest(`The header If-Match must be the ETag of an earlier response, in its quotes, or a list of ETags, or *.`)
	}
	return strong, nil
}

// parseETags returns the strong ETags in a list, which may have empty elements (RFC
// 9110, 5.6.1.2, 8.8.3). It reports false if the text is not such a list, or if the
// list has no ETag.
func parseETags(list string) (strong []string, ok bool) {
	list = strings.Trim(list, ", \t")
	if list == "" {
		return nil, false
	}
	strong = []string{}
	for list != "" {
		tag, weak := strings.CutPrefix(list, "W/")
		tag, quoted := strings.CutPrefix(tag, `"`)
		end := strings.IndexFunc(tag, notETagChar)
		if !quoted || end < 0 || tag[end] != '"' {
			return nil, false
		}
		if !weak {
			strong = append(strong, `"`+tag[:end]+`"`)
		}
		list = strings.TrimLeft(tag[end+1:], " \t")
		if list != "" && list[0] != ',' {
			return nil, false
		}
		list = strings.TrimLeft(list, ", \t")
	}
	return strong, true
}

// notETagChar reports whether an ETag cannot hold the character in its quotes.
func notETagChar(c rune) bool { return c < '!' || c == '"' || c == 0x7f }

// readPageQuery returns the query and its values cursor and limit. The cursor is ""
// for the first page. It rejects a malformed query, which url.URL.Query would
// silently shorten.
func readPageQuery(r *http.Request) (query url.Values, cursor string, limit int, wrong *problem.Problem) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, "", 0, problem.BadRequest("The query cannot be read; percent-encode its values.")
	}
	limit = defaultPageSize
	if query.Has("limit") {
		limit, err = strconv.Atoi(query.Get("limit"))
		if err != nil || limit < 1 || limit > maxPageSize {
			return nil, "", 0, problem.BadRequest(fmt.Sprintf("The query value limit must be a whole number from 1 to %d.", maxPageSize))
		}
	}
	cursor = query.Get("cursor")
	if query.Has("cursor") && cursor == "" {
		return nil, "", 0, badCursor()
	}
	return query, cursor, limit, nil
}

func badCursor() *problem.Problem {
	return problem.BadRequest("The query value cursor must be the next_cursor of an earlier page.")
}

// whyChanged does not tell a client to read the item again if that cannot help: the
// proxy that made the ETag weak would do it again.
func whyChanged(r *http.Request) string {
	if ifMatch, _ := readIfMatch(r); len(ifMatch) == 0 {
		return "If-Match has only weak ETags (W/), which never match. A proxy that compresses responses makes their ETag weak; it must not compress those of this route."
	}
	return "The item has changed since the ETag in If-Match; read it again and repeat the change."
}

// failItems turns an error of the store into a problem.
func failItems(c *gin.Context, err error) {
	switch {
	case errors.Is(err, items.ErrNotFound):
		problem.Abort(c, noItem())
	case errors.Is(err, items.ErrChanged):
		problem.Abort(c, problem.PreconditionFailed(whyChanged(c.Request)))
	case errors.Is(err, items.ErrBadCursor):
		problem.Abort(c, badCursor())
	default:
		failDatabase(c, err)
	}
}
