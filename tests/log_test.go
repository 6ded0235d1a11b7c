package tests

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// logBuffer collects the output of a process. It may be read while the process
// runs.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// lines returns the complete lines written so far.
func (b *logBuffer) lines() []string {
	text := b.String()
	end := strings.LastIndexByte(text, '\n')
	if end < 0 {
		return nil
	}
	return strings.Split(text[:end], "\n")
}

// linesWith returns the log lines that contain text.
func (p *process) linesWith(text string) []string {
	return slices.DeleteFunc(p.stderr.lines(), func(line string) bool { return !strings.Contains(line, text) })
}

var logPair = regexp.MustCompile(`([\w.]+)=("(?:[^"\\]|\\.)*"|\S*)`)

// messages returns the fields of the log lines with this message. The lines may
// be in either log format.
func (b *logBuffer) messages(msg string) []map[string]string {
	var found []map[string]string
	for _, line := range b.lines() {
		if fields := logFields(line); fields["msg"] == msg {
			found = append(found, fields)
		}
	}
	return found
}

// logFields parses a log line in either format.
func logFields(line string) map[string]string {
	fields := make(map[string]string)
	var object map[string]any
	if json.Unmarshal([]byte(line), &object) == nil {
		for key, value := range object {
			fields[key] = fmt.Sprint(value)
		}
		return fields
	}
	for _, pair := range logPair.FindAllStringSubmatch(line, -1) {
		value := pair[2]
		if strings.HasPrefix(value, `"`) {
			var text string
			if _, err := fmt.Sscanf(value, "%q", &text); err == nil {
				value = text
			}
		}
		fields[pair[1]] = value
	}
	return fields
}
