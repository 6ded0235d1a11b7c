package handlers

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/api/internal/problem"
)

type sample struct {
	Name  *string `json:"name"`
	Count *int    `json:"count"`
}

func TestDecodeObject(t *testing.T) {
	t.Parallel()
	tests := []struct {
		body   string
		status int    // 0: good
		detail string // a part of it, or of the one field's
	}{
		{`{}`, 0, ""},
		{`{"name":"a"}`, 0, ""},
		{` {"name":"a","count":1} ` + "\n", 0, ""},
		{`{"name":"\ud83d\ude00 \u0041"}`, 0, ""},
		{`{"name":"\uD83D\uDE00\ufffd�\\ud800\"\\"}`, 0, ""},
		{`{"name":"\ud800"}`, 400, `"name" has half of a surrogate pair`},
		{`{"name":"\uDC00"}`, 400, "surrogate"},
		{`{"name":"\ud83d"}`, 400, "surrogate"},
		{`{"name":"\ud83d\u0041"}`, 400, "surrogate"},
		{`{"name":"\ud83d\ud83d\ude00"}`, 400, "surrogate"},
		{`{"name":"\ud83d\ude00\ude00"}`, 400, "surrogate"},
		{`{"name":"\ud83d ude00"}`, 400, "surrogate"},
		{`{"name":"\ud83d\\ude00"}`, 400, "surrogate"},
		{`{"name":"\\\ud800"}`, 400, "surrogate"},
		{`{"name":["\ud800"]}`, 400, "surrogate"},
		{`{"na\ud800me":"a"}`, 400, "is unknown"},
		{``, 400, "empty"},
		{` `, 400, "empty"},
		{`null`, 400, "one JSON object"},
		{`[]`, 400, "one JSON object"},
		{`"a"`, 400, "one JSON object"},
		{`7`, 400, "one JSON object"},
		{`{`, 400, "ends too early"},
		{`{"name":"a"`, 400, "ends too early"},
		{`{"name":"a"}}`, 400, "after the JSON object"},
		{`{"name":"a"}{"name":"b"}`, 400, "after the JSON object"},
		{`{"name":"a"} x`, 400, "after the JSON object"},
		{`{"name":"a",}`, 400, "not valid JSON"},
		{`{'name':'a'}`, 400, "not valid JSON"},
		{`{"name":a}`, 400, "not valid JSON"},
		{`{"name" "a"}`, 400, "not valid JSON"},
		{"{\"name\":\"\xff\"}", 400, "UTF-8"},
		{"\ufeff{}", 400, "not valid JSON"},
		{`{"name":"a","nope":1}`, 400, `"nope" is unknown`},
		{`{"Name":"a"}`, 400, `"Name" is unknown`},
		{`{"name":"a","name":"b"}`, 400, "twice"},
		{`{"":"a"}`, 400, `"" is unknown`},
		{`{"name":null}`, 422, "must be a string"},
		{`{"name":1}`, 422, "must be a string"},
		{`{"name":["a"]}`, 422, "must be a string"},
		{`{"count":"1"}`, 422, "must be a whole number"},
		{`{"name":` + strings.Repeat("[", 20_000), 400, "not valid JSON"},
	}
	for _, tt := range tests {
		var into sample
		mistyped, p := decodeObject([]byte(tt.body), &into)
		switch {
		case len(mistyped) > 0:
			p = problem.Invalid(mistyped)
			p.Detail = mistyped[0].Detail
		case p == nil:
			p = new(problem.Problem)
		}
		text := p.Detail
		if p.Status != tt.status || !strings.Contains(text, tt.detail) {
			t.Errorf("%.60q: %d %q, want %d %q", tt.body, p.Status, text, tt.status, tt.detail)
		}
	}
	var into sample
	mistyped, p := decodeObject([]byte(`{"name":1,"count":"x"}`), &into)
	if p != nil || len(mistyped) != 2 || into != (sample{}) {
		t.Errorf("two wrong fields make %+v, %+v and the values %+v, which must stay nil", p, mistyped, into)
	}
}

// FuzzDecodeObject compares with encoding/json: what is taken means the same
// there, read strictly.
func FuzzDecodeObject(f *testing.F) {
	for _, seed := range []string{`{"name":"a","count":1}`, `{}`, `null`, `{"name":null}`, `{"name":"a"}x`, `{"count":1e3}`, `{"na\u006de":"a"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var got, want sample
		mistyped, p := decodeObject(body, &got)
		if p != nil && p.Status != http.StatusBadRequest {
			t.Fatalf("%q: status %d", body, p.Status)
		}
		if p != nil || len(mistyped) > 0 {
			return
		}
		decoder := json.NewDecoder(strings.NewReader(string(body)))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&want); err != nil {
			t.Fatalf("%q was taken, encoding/json says %v", body, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%q (-encoding/json +ours):\n%s", body, diff)
		}
	})
}
