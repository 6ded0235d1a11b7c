package handlers

import (
	"context"
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
)

// statusClientGone is nginx's word, for the log, for a client that did not
// wait: nobody reads the answer, and nothing failed.
const statusClientGone = 499

// Items is the sample resource.
type Items struct {
	Store *items.Store
}

// itemBody is what a client may send of an item.
type itemBody struct {
	Name *string `json:"name"`
	Note *string `json:"note"`
}

// List answers a page of items, oldest first.
func (h Items) List(c *gin.Context) {
	query, wrong := readQuery(c.Request)
	if wrong != nil {
		problem.Abort(c, wrong)
		return
	}
	limit := defaultPageSize
	if query.Has("limit") {
		n, err := strconv.Atoi(query.Get("limit"))
		if err != nil || n < 1 || n > maxPageSize {
			problem.Abort(c, problem.BadRequest(fmt.Sprintf("The query value limit must be a whole number from 1 to %d.", maxPageSize)))
			return
		}
		limit = n
	}
	cursor := query.Get("cursor")
	if query.Has("cursor") && cursor == "" {
		failItems(c, items.ErrBadCursor)
		return
	}
	page, err := h.Store.List(c.Request.Context(), cursor, limit)
	if err != nil {
		failItems(c, err)
		return
	}
	c.JSON(http.StatusOK, struct {
		Items      []items.Item `json:"items"`
		NextCursor string       `json:"next_cursor,omitempty"`
	}{page.Items, page.Next})
}

// Search answers the items whose name or note contains q, whatever its case.
func (h Items) Search(c *gin.Context) {
	query, wrong := readQuery(c.Request)
	if wrong != nil {
		problem.Abort(c, wrong)
		return
	}
	q := query.Get("q")
	if q == "" || !utf8.ValidString(q) || strings.ContainsRune(q, 0) {
		problem.Abort(c, problem.BadRequest("The query value q must be there: the text to look for, at least one character, in UTF-8 without NUL."))
		return
	}
	found, err := h.Store.Search(c.Request.Context(), q)
	if err != nil {
		failItems(c, err)
		return
	}
	c.JSON(http.StatusOK, struct {
		Query string       `json:"query"`
		Items []items.Item `json:"items"`
	}{q, found})
}

// Create makes an item and says where it is.
func (h Items) Create(c *gin.Context) {
	draft, wrong := readDraft(c)
	if wrong != nil {
		problem.Abort(c, wrong)
		return
	}
	item, err := h.Store.Create(c.Request.Context(), draft)
	if err != nil {
		failItems(c, err)
		return
	}
	c.Header("Location", "/api/items/"+item.ID.String())
	c.JSON(http.StatusCreated, item)
}

// Get answers one item.
func (h Items) Get(c *gin.Context) {
	id, err := readID(c)
	if err != nil {
		failItems(c, err)
		return
	}
	item, err := h.Store.Get(c.Request.Context(), id)
	if err != nil {
		failItems(c, err)
		return
	}
	c.JSON(http.StatusOK, item)
}

// Replace sets every field; a note that is left out becomes empty.
func (h Items) Replace(c *gin.Context) {
	id, err := readID(c)
	if err != nil {
		failItems(c, err)
		return
	}
	draft, wrong := readDraft(c)
	if wrong != nil {
		problem.Abort(c, wrong)
		return
	}
	item, err := h.Store.Replace(c.Request.Context(), id, draft)
	if err != nil {
		failItems(c, err)
		return
	}
	c.JSON(http.StatusOK, item)
}

// Update sets the fields that are given.
func (h Items) Update(c *gin.Context) {
	id, err := readID(c)
	if err != nil {
		failItems(c, err)
		return
	}
	var body itemBody
	mistyped, wrong := readJSON(c, &body)
	if wrong != nil {
		problem.Abort(c, wrong)
		return
	}
	patch := items.Patch{Name: body.Name, Note: body.Note}
	if wrong := invalidItem(mistyped, patch.Validate()); wrong != nil {
		problem.Abort(c, wrong)
		return
	}
	item, err := h.Store.Update(c.Request.Context(), id, patch)
	if err != nil {
		failItems(c, err)
		return
	}
	c.JSON(http.StatusOK, item)
}

// Delete removes an item; a second time it is not there any more: 404.
func (h Items) Delete(c *gin.Context) {
	id, err := readID(c)
	if err == nil {
		err = h.Store.Delete(c.Request.Context(), id)
	}
	if err != nil {
		failItems(c, err)
		return
	}
	c.Status(http.StatusNoContent)
}

func readDraft(c *gin.Context) (items.Draft, *problem.Problem) {
	var body itemBody
	errors, wrong := readJSON(c, &body)
	if wrong != nil {
		return items.Draft{}, wrong
	}
	isName := func(e problem.FieldError) bool { return e.Field == "name" }
	if body.Name == nil && !slices.ContainsFunc(errors, isName) {
		errors = append(errors, problem.FieldError{Field: "name", Detail: "is missing"})
	}
	if wrong := invalidItem(errors, items.Patch{Name: body.Name, Note: body.Note}.Validate()); wrong != nil {
		return items.Draft{}, wrong
	}
	draft := items.Draft{Name: *body.Name}
	if body.Note != nil {
		draft.Note = *body.Note
	}
	return draft, nil
}

// readID takes the canonical form alone, so that an item has one address.
func readID(c *gin.Context) (uuid.UUID, error) {
	id, err := uuid.Parse(c.Param("id"))
	if err != nil || id.String() != c.Param("id") {
		return uuid.UUID{}, items.ErrNotFound
	}
	return id, nil
}

// readQuery refuses what url.URL.Query drops without a word.
func readQuery(r *http.Request) (url.Values, *problem.Problem) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, problem.BadRequest("The query cannot be read; percent-encode its values.")
	}
	return query, nil
}

// invalidItem tells of all that is wrong with the fields, nil where nothing is.
func invalidItem(errors []problem.FieldError, broken []items.FieldError) *problem.Problem {
	for _, b := range broken {
		errors = append(errors, problem.FieldError{Field: b.Field, Detail: b.Detail})
	}
	if len(errors) == 0 {
		return nil
	}
	return problem.Invalid(errors)
}

// failItems is the one place where an error of the store becomes a problem.
func failItems(c *gin.Context, err error) {
	switch {
	case errors.Is(err, items.ErrNotFound):
		problem.Abort(c, problem.NotFound("There is no item with this id."))
	case errors.Is(err, items.ErrBadCursor):
		problem.Abort(c, problem.BadRequest("The query value cursor must be the next_cursor of an earlier page."))
	case errors.Is(err, context.Canceled):
		c.AbortWithStatus(statusClientGone)
	case errors.Is(err, items.ErrUnavailable):
		problem.Abort(c, problem.Unavailable(err))
	default:
		problem.Abort(c, problem.Internal(err))
	}
}
