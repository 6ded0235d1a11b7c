// Command vulncheck looks for known vulnerabilities in the packages that a module
// imports. Its argument is the directory of the module. It runs govulncheck with
// the reports of the Go vulnerability database, which it downloads from the module
// proxy, so that a build without other access to the network can run it.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: vulncheck DIRECTORY")
		os.Exit(2)
	}
	switch err := run(os.Args[1]); {
	case errors.Is(err, errOffline) && os.Getenv("CI") != "true":
		fmt.Println("SKIP", err)
	case err != nil:
		fmt.Fprintln(os.Stderr, "vulncheck:", err)
		os.Exit(1)
	}
}

var errOffline = errors.New("the vulnerability check: the database cannot be downloaded; connect to a Go module proxy")

func run(module string) error {
	temporary, err := os.MkdirTemp("", "vulncheck")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temporary)
	reports, err := download(temporary)
	if err != nil {
		return fmt.Errorf("%w: %w", errOffline, err)
	}
	database := filepath.Join(temporary, "database")
	if err := convert(reports, database); err != nil {
		return err
	}
	toolchain, err := toolchainOf(module)
	if err != nil {
		return err
	}
	check := exec.Command("go", "tool", "govulncheck", "-C", module, "-db", "file://"+filepath.ToSlash(database),
		"-scan", "package", "./...") // even if no call of a vulnerable function is found
	// The released binary is built with the toolchain that go.mod names.
	check.Env = append(os.Environ(), "GOVERSION="+toolchain)
	check.Stdout, check.Stderr = os.Stdout, os.Stderr
	return check.Run()
}

// download returns the directory with the newest reports.
func download(workingDirectory string) (string, error) {
	command := exec.Command("go", "mod", "download", "-json", "golang.org/x/vulndb@latest")
	command.Dir = workingDirectory // in a module, the command might change go.sum
	out, err := command.Output()
	var downloaded struct{ Version, Dir, Error string }
	if parseErr := json.Unmarshal(out, &downloaded); parseErr != nil {
		return "", errors.Join(err, parseErr)
	}
	if err != nil {
		return "", errors.New(downloaded.Error)
	}
	fmt.Println("reports of golang.org/x/vulndb", downloaded.Version)
	return filepath.Join(downloaded.Dir, "data", "osv"), nil
}

// toolchainOf returns the toolchain that go.mod names, such as go1.26.0.
func toolchainOf(module string) (string, error) {
	out, err := exec.Command("go", "mod", "edit", "-json", filepath.Join(module, "go.mod")).Output()
	if err != nil {
		return "", err
	}
	var file struct{ Go, Toolchain string }
	if err := json.Unmarshal(out, &file); err != nil {
		return "", err
	}
	if file.Toolchain == "" {
		return "go" + file.Go, nil
	}
	return file.Toolchain, nil
}

// The types below are the files of a database: https://go.dev/doc/security/vuln/database.
type report struct {
	ID       string   `json:"id"`
	Modified string   `json:"modified"`
	Aliases  []string `json:"aliases"`
	Affected []struct {
		Package struct {
			Name string `json:"name"`
		} `json:"package"`
		Ranges []struct {
			Events []struct {
				Fixed string `json:"fixed"`
			} `json:"events"`
		} `json:"ranges"`
	} `json:"affected,omitempty"`
}

type moduleVulnerability struct {
	ID       string `json:"id"`
	Modified string `json:"modified"`
	Fixed    string `json:"fixed,omitempty"`
}

type moduleIndex struct {
	Path  string                `json:"path"`
	Vulns []moduleVulnerability `json:"vulns"`
}

// convert writes the reports as a database that govulncheck reads.
func convert(reports, database string) error {
	paths, err := filepath.Glob(filepath.Join(reports, "*.json"))
	if err != nil {
		return err
	}
	if len(paths) == 0 {
		return fmt.Errorf("%s has no reports", reports)
	}
	for _, directory := range []string{"ID", "index"} {
		if err := os.MkdirAll(filepath.Join(database, directory), 0o700); err != nil {
			return err
		}
	}
	var newest string
	var vulns []report
	var modules []*moduleIndex
	byPath := map[string]*moduleIndex{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var r report
		if err := json.Unmarshal(text, &r); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		var compact bytes.Buffer // govulncheck reads one line
		if err := json.Compact(&compact, text); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if err := os.WriteFile(filepath.Join(database, "ID", filepath.Base(path)), compact.Bytes(), 0o600); err != nil {
			return err
		}
		newest = max(newest, r.Modified)
		for _, affected := range r.Affected {
			name := affected.Package.Name
			if byPath[name] == nil {
				byPath[name] = &moduleIndex{Path: name}
				modules = append(modules, byPath[name])
			}
			vulnerability := moduleVulnerability{ID: r.ID, Modified: r.Modified}
			for _, versions := range affected.Ranges {
				for _, event := range versions.Events {
					if event.Fixed != "" {
						vulnerability.Fixed = event.Fixed
					}
				}
			}
			byPath[name].Vulns = append(byPath[name].Vulns, vulnerability)
		}
		r.Affected = nil
		vulns = append(vulns, r)
	}
	for name, content := range map[string]any{
		"db":      map[string]string{"modified": newest},
		"modules": modules,
		"vulns":   vulns,
	} {
		text, err := json.Marshal(content)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(database, "index", name+".json"), text, 0o600); err != nil {
			return err
		}
	}
	return nil
}
