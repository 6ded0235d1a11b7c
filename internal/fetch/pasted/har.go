package pasted

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// Entry is a recorded request with its response.
type Entry struct {
	Call      Call
	Preflight bool
	Asked     string // a preflight's Access-Control-Request-Method
	Status    int    // 0 if no response was recorded
	Response  [][2]string
}

// HAR reads the http and https entries of an HTTP archive, version 1.2.
func HAR(data []byte) ([]Entry, error) {
	type pair struct{ Name, Value string }
	var archive struct {
		Log *struct {
			Pages   []struct{ ID, Title string }
			Entries []struct {
				Pageref string
				Request struct {
					Method, URL string
					Headers     []pair
					PostData    *struct{ Text string }
				}
				Response struct {
					Status  int
					Headers []pair
				}
			}
		}
	}
	if err := json.Unmarshal(data, &archive); err != nil {
		return nil, fmt.Errorf("is not a HAR file: %w", err)
	}
	if archive.Log == nil {
		return nil, errors.New("is not a HAR file: it has no log")
	}
	pages := map[string]string{}
	for _, page := range archive.Log.Pages {
		pages[page.ID] = page.Title // browsers write the page's address here
	}
	var entries []Entry
	for _, e := range archive.Log.Entries {
		if u, err := url.Parse(e.Request.URL); err != nil || u.Scheme != "http" && u.Scheme != "https" {
			continue
		}
		entry := Entry{
			Call:   Call{URL: e.Request.URL, Method: e.Request.Method},
			Status: e.Response.Status,
		}
		for _, h := range e.Request.Headers {
			if strings.EqualFold(h.Name, "Access-Control-Request-Method") {
				entry.Preflight, entry.Asked = e.Request.Method == "OPTIONS", h.Value
			}
			entry.Call.addHeader(h.Name, h.Value)
		}
		entry.Call.setReferrer(pages[e.Pageref])
		if e.Request.PostData != nil {
			entry.Call.Body, entry.Call.HasBody = e.Request.PostData.Text, true
		}
		for _, h := range e.Response.Headers {
			// Some browsers join the lines of one header by line breaks.
			for line := range strings.SplitSeq(h.Value, "\n") {
				entry.Response = append(entry.Response, [2]string{h.Name, strings.TrimSpace(line)})
			}
		}
		entries = append(entries, entry)
	}
	return entries, nil
}
