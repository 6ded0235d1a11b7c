// Command rename gives the project its own name:
//
//	go run ./cmd/rename github.com/you/shop shop
//
// It can run again, with the same name or another one.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"go/format"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// The name occurs in three forms. This is the list of all of them:
//
//   - The module path is in go.mod. It is replaced in every file.
//   - The name of the binary, the image, the Compose project and the Kubernetes
//     objects is in deploy/compose.yaml. It is replaced, as a word, in nameFiles.
//   - The title is derived from the name. It is replaced at titlePlaces.
//
// Services in compose.yaml, database users and the like are named after what they
// do (api-1, proxy). They keep their names.

// nameFiles are files, and directories with everything below them.
func nameFiles() []string {
	return []string{".devcontainer/", "Dockerfile", "Makefile", "deploy/", "docs/deployment.md", "docs/refusals.md"}
}

// titlePlaces are the files that contain the title. It is between the two groups
// of the pattern.
func titlePlaces() []place {
	return []place{
		{"handlers/root.go", `(response\{")[^"]*(")`},
		{"internal/openapi/docs/index.html", `(<title>)[^<]*(</title>)`},
		{"internal/openapi/openapi.yaml", `(?m)(^  title: )[^\r\n]*()`},
		{"internal/openapi/openapi.yaml", `(\{name: )[^,\n]*(, version: )`},
		{"frontend-dev/src/api/generated/openapi.ts", `("name": ")[^"]*(",[\s*]*"version")`},
	}
}

type place struct{ file, pattern string }

func main() {
	if err := run(".", os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "rename:", err)
		os.Exit(1)
	}
}

// names is what the project is called.
type names struct{ module, name string }

// run renames the project in a directory and reports what it changed. If it
// returns an error that is not one of writing, it has changed nothing.
func run(dir string, args []string, out io.Writer) error {
	if len(args) != 2 || args[0] == "" || args[1] == "" {
		return errors.New("the module path or the name is missing; write, for example: make rename MODULE=github.com/you/shop NAME=shop")
	}
	to := names{module: args[0], name: args[1]}
	if err := errors.Join(checkModule(to.module), checkName(to.name)); err != nil {
		return err
	}
	from, err := readNames(dir)
	if err != nil {
		return err
	}
	changes, err := plan(dir, from, to)
	if err != nil {
		return err
	}
	for file, text := range changes.texts {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil { // keeps the mode
			return err
		}
	}
	changes.report(out, from, to)
	return nil
}

func checkModule(module string) error {
	element := `[A-Za-z0-9_]([A-Za-z0-9._~-]*[A-Za-z0-9_])?`
	if !regexp.MustCompile(`^[a-z0-9-]+(\.[a-z0-9-]+)+(/`+element+`)*$`).MatchString(module) || strings.HasSuffix(module, ".git") {
		return fmt.Errorf("MODULE=%q is not a module path; write a host and a path, without https:// and .git, such as github.com/you/shop", module)
	}
	return nil
}

// checkName accepts what Kubernetes accepts as the name of a Service, with room
// for what is appended to it elsewhere.
func checkName(name string) error {
	if !regexp.MustCompile(`^[a-z]([a-z0-9-]{0,48}[a-z0-9])?$`).MatchString(name) {
		return fmt.Errorf("NAME=%q cannot name an image and a Kubernetes object; write 1 to 50 of the characters a-z 0-9 -, the first a letter, the last not -, such as shop", name)
	}
	return nil
}

// readNames reads what the project is called now.
func readNames(dir string) (names, error) {
	var n names
	for _, line := range []struct {
		file, key string
		value     *string
	}{{"go.mod", "module ", &n.module}, {"deploy/compose.yaml", "name: ", &n.name}} {
		text, err := os.ReadFile(filepath.Join(dir, line.file))
		if err != nil {
			return n, fmt.Errorf("%w; run rename in the top directory of the project", err)
		}
		found := regexp.MustCompile(`(?m)^` + line.key + `(\S+)\s*$`).FindSubmatch(text)
		if found == nil {
			return n, fmt.Errorf("%s has no line %qNAME, from which rename takes the present name", line.file, line.key)
		}
		*line.value = string(found[1])
	}
	return n, nil
}

// title is the name as people read it: "Shop API" for shop-api.
func (n names) title() string {
	words := strings.Split(n.name, "-")
	for i, word := range words {
		switch {
		case word == "api":
			words[i] = "API"
		case word != "":
			words[i] = strings.ToUpper(word[:1]) + word[1:]
		}
	}
	return strings.Join(words, " ")
}

// binary is what go build calls the program.
func (n names) binary() string {
	if base := path.Base(n.module); !regexp.MustCompile(`^v[0-9]+$`).MatchString(base) {
		return base
	}
	return path.Base(path.Dir(n.module))
}

// readFiles reads the text files of the project.
func readFiles(dir string) (map[string]string, error) {
	texts := map[string]string{}
	generated := []string{".git", "node_modules", "dist", "bin", "secrets", "observations"}
	err := fs.WalkDir(os.DirFS(dir), ".", func(file string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && slices.Contains(generated, entry.Name()):
			return fs.SkipDir
		// In a linked worktree, .git is a file that names a directory.
		case !entry.Type().IsRegular() || entry.Name() == ".git" || strings.Contains(file, ".db"):
			return nil
		}
		text, err := os.ReadFile(filepath.Join(dir, file))
		if bytes.IndexByte(text, 0) < 0 { // otherwise an image or the like
			texts[file] = string(text)
		}
		return err
	})
	return texts, err
}

// changes holds the new texts by file, and the files in which each form of the
// name changed.
type changes struct {
	texts                map[string]string
	module, name, titles []string
}

// plan finds what to change without changing it.
func plan(dir string, from, to names) (changes, error) {
	c := changes{texts: map[string]string{}}
	texts, err := readFiles(dir)
	if err != nil {
		return c, err
	}
	for _, file := range slices.Sorted(maps.Keys(texts)) {
		old := texts[file]
		// A character that no text file contains stands for the module until the
		// name is replaced, which may be a part of its path.
		text := replaceModule(old, from.module, "\x00")
		if file == ".gitignore" || file == ".dockerignore" {
			text = regexp.MustCompile(`(?m)^/`+regexp.QuoteMeta(from.binary())+`$`).ReplaceAllLiteralString(text, "/"+to.binary())
		}
		if text != old && from.module != to.module {
			c.module = append(c.module, file)
		}
		if from.name != to.name && hasName(file) {
			// Otherwise, the next rename could not tell the two apart.
			if line := lineOf(replaceName(text, from.name, "\x00"), to.name); line != "" {
				return c, fmt.Errorf("NAME=%q: %s uses this word for something else (%q); write another name, such as my-%[1]s", to.name, file, strings.ReplaceAll(line, "\x00", from.name))
			}
			if renamed := replaceName(text, from.name, to.name); renamed != text {
				text, c.name = renamed, append(c.name, file)
			}
		}
		if renamed := replaceTitle(file, text, to.title()); renamed != text {
			text, c.titles = renamed, append(c.titles, file)
		}
		text = strings.ReplaceAll(text, "\x00", to.module)
		if text == old {
			continue
		}
		if path.Ext(file) == ".go" { // sorts the imports again
			formatted, err := format.Source([]byte(text))
			if err != nil {
				return c, fmt.Errorf("%s: %w", file, err)
			}
			text = string(formatted)
		}
		c.texts[file] = text
	}
	return c, nil
}

func hasName(file string) bool {
	return slices.ContainsFunc(nameFiles(), func(beginning string) bool { return strings.HasPrefix(file, beginning) })
}

func replaceTitle(file, text, title string) string {
	for _, p := range titlePlaces() {
		if p.file == file {
			text = regexp.MustCompile(p.pattern).ReplaceAllString(text, "${1}"+title+"${2}")
		}
	}
	return text
}

// letters are the characters that continue a word. A name may be continued by a
// hyphen (shop-tls), but a module path may not (example.com/shop-client).
const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"

// replaceWord replaces a word, unless one of the characters of continues follows it
// or it ends a longer one.
func replaceWord(text, from, to, continues string) string {
	var b strings.Builder
	for rest := text; ; {
		before, after, found := strings.Cut(rest, from)
		b.WriteString(before)
		if !found {
			return b.String()
		}
		// What b holds ends as the text before the word does.
		if strings.ContainsAny(lastByte(b.String()), letters+".-~") || strings.ContainsAny(after[:min(1, len(after))], continues) {
			b.WriteString(from)
		} else {
			b.WriteString(to)
		}
		rest = after
	}
}

func lastByte(text string) string { return text[max(0, len(text)-1):] }

func replaceModule(text, from, to string) string { return replaceWord(text, from, to, letters+"-~") }

func replaceName(text, from, to string) string { return replaceWord(text, from, to, letters) }

// lineOf returns the first line that contains a name.
func lineOf(text, name string) string {
	for line := range strings.Lines(text) {
		if replaceName(line, name, "") != line {
			return strings.TrimSpace(line)
		}
	}
	return ""
}

// report writes what changed.
func (c changes) report(out io.Writer, from, to names) {
	if len(c.texts) == 0 {
		fmt.Fprintf(out, "The project is called %s already, and its module %s. Nothing changed.\n", to.name, to.module)
	}
	if len(c.module) > 0 {
		fmt.Fprintf(out, "The module %s is now %s, in %d files.\n", from.module, to.module, len(c.module))
	}
	if len(c.name) > 0 {
		fmt.Fprintf(out, "The name %s is now %s, in %s.\n", from.name, to.name, strings.Join(c.name, ", "))
	}
	if len(c.titles) > 0 {
		fmt.Fprintf(out, "The title is now %s, in %s.\n", to.title(), strings.Join(c.titles, ", "))
	}
}
