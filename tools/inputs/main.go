// Command inputs prints a hash of what a part of the tests depends on: every file of
// the repository, the programs, and the environment. Comments in Go do not count,
// because no program contains them. Tests in Go count only with -tests: the tests of
// the page and those in browsers do not run them. scripts/parts.sh does not repeat a
// part that passed with the same hash.
//
// Usage: inputs [-tests] DIRECTORY PROGRAM...
package main

import (
	"bytes"
	"crypto/sha256"
	"flag"
	"fmt"
	"go/scanner"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	withTests := flag.Bool("tests", false, "include tests in Go")
	flag.Parse()
	if flag.NArg() == 0 {
		fmt.Fprintln(os.Stderr, "usage: inputs [-tests] DIRECTORY PROGRAM...")
		os.Exit(2)
	}
	hash := sha256.New()
	writePrograms(hash, flag.Args()[1:])
	fmt.Fprintf(hash, "%q\n", slices.Sorted(slices.Values(os.Environ())))
	if err := writeFiles(hash, flag.Arg(0), *withTests); err != nil {
		fmt.Fprintln(os.Stderr, "inputs:", err)
		os.Exit(1)
	}
	fmt.Printf("%x\n", hash.Sum(nil))
}

// writePrograms writes where each program or other file is, its size and its time,
// which change with its version.
func writePrograms(w io.Writer, programs []string) {
	for _, program := range programs {
		path := program
		if !strings.Contains(program, "/") {
			path, _ = exec.LookPath(program)
		}
		path, _ = filepath.EvalSymlinks(path)
		fmt.Fprintf(w, "%s %q", program, path)
		if info, err := os.Stat(path); err == nil {
			fmt.Fprintf(w, " %d %d", info.Size(), info.ModTime().UnixNano())
		}
		fmt.Fprintln(w)
	}
}

// writeFiles writes the name and the content of each file, also of those that Git
// ignores, such as .env. It leaves out what the project generates. Of installed npm
// packages, it writes the list.
func writeFiles(w io.Writer, top string, withTests bool) error {
	generated := []string{".git", "bin", "dist"}
	return filepath.WalkDir(top, func(path string, entry fs.DirEntry, err error) error {
		name := entry.Name()
		switch {
		case err != nil:
			return err
		case name == "node_modules" && entry.IsDir():
			list, _ := os.ReadFile(filepath.Join(path, ".package-lock.json")) // npm writes it
			fmt.Fprintf(w, "%s %q\n", path, list)
			return filepath.SkipDir
		case entry.IsDir() && slices.Contains(generated, name):
			return filepath.SkipDir
		case !entry.Type().IsRegular(), strings.HasSuffix(name, "_test.go") && !withTests, strings.Contains(name, ".db"):
			return nil
		}
		text, err := os.ReadFile(path)
		if err == nil && strings.HasSuffix(name, ".go") {
			text = withoutComments(text)
		}
		fmt.Fprintf(w, "%s %q\n", path, text)
		return err
	})
}

// withoutComments returns the tokens of a Go file, one on each line. It keeps
// directives, which have no space after the slashes.
func withoutComments(text []byte) []byte {
	if bytes.Contains(text, []byte(`import "C"`)) {
		return text // the comment before it is code
	}
	file := token.NewFileSet().AddFile("", -1, len(text))
	var s scanner.Scanner
	s.Init(file, text, nil, scanner.ScanComments)
	var tokens bytes.Buffer
	for {
		_, tok, literal := s.Scan()
		isComment := tok == token.COMMENT && (literal == "//" || strings.HasPrefix(literal, "// "))
		switch {
		case tok == token.EOF && s.ErrorCount > 0:
			return text
		case tok == token.EOF:
			return tokens.Bytes()
		case !isComment:
			fmt.Fprintf(&tokens, "%s %q\n", tok, literal)
		}
	}
}
