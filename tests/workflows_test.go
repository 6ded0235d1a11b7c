package tests

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// workflow is a file in .github/workflows.
type workflow struct {
	Permissions map[string]string `yaml:"permissions"`
	Jobs        map[string]struct {
		Permissions    map[string]string `yaml:"permissions"`
		TimeoutMinutes int               `yaml:"timeout-minutes"`
		Container      struct {
			Image string `yaml:"image"`
		} `yaml:"container"`
		Uses  string         `yaml:"uses"`
		Steps []workflowStep `yaml:"steps"`
	} `yaml:"jobs"`
}

type workflowStep struct {
	Uses string         `yaml:"uses"`
	With map[string]any `yaml:"with"`
	Run  string         `yaml:"run"`
}

// readWorkflows returns the text and the content of each workflow by its name.
func readWorkflows(t *testing.T) (texts map[string]string, workflows map[string]workflow) {
	t.Helper()
	paths, err := filepath.Glob("../.github/workflows/*.yml")
	if err != nil || len(paths) < 3 {
		t.Fatalf("got %d workflows, %v, want at least 3", len(paths), err)
	}
	texts, workflows = map[string]string{}, map[string]workflow{}
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".yml")
		texts[name] = readFile(t, ".github/workflows/"+filepath.Base(path))
		var w workflow
		if err := yaml.Unmarshal([]byte(texts[name]), &w); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		workflows[name] = w
	}
	return texts, workflows
}

// A workflow runs only what a commit pins, with a token that may do as little as
// possible.
func TestWorkflowsArePinnedAndLimited(t *testing.T) {
	t.Parallel()
	texts, workflows := readWorkflows(t)
	// What a job may do besides reading the repository.
	writes := map[string][]string{
		"release/image":       {"packages", "id-token"},
		"scorecard/scorecard": {"security-events", "id-token"},
		"codeql/analyze":      {"security-events"},
	}
	pinned := regexp.MustCompile(`^[\w.-]+/[\w./-]+@[0-9a-f]{40}$`)
	commented := regexp.MustCompile(`^\s*(?:- )?uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$`)
	for name, w := range workflows {
		if !maps.Equal(w.Permissions, map[string]string{"contents": "read"}) {
			t.Errorf("%s: got permissions %v, want only contents: read", name, w.Permissions)
		}
		for jobName, job := range w.Jobs {
			job, name := job, name+"/"+jobName
			for scope, access := range job.Permissions {
				if access != "read" && !slices.Contains(writes[name], scope) {
					t.Errorf("%s: the token may %s %s", name, access, scope)
				}
			}
			if job.Uses != "" && job.Uses != "./.github/workflows/ci.yml" {
				t.Errorf("%s uses %s", name, job.Uses)
			}
			if job.Uses == "" && job.TimeoutMinutes == 0 {
				t.Errorf("%s has no timeout-minutes", name)
			}
			if image := job.Container.Image; image != "" && !strings.Contains(image, "@sha256:") {
				t.Errorf("%s: the image %s is not pinned by its digest", name, image)
			}
			for _, step := range job.Steps {
				if step.Uses != "" && !pinned.MatchString(step.Uses) {
					t.Errorf("%s: %s is not pinned by a commit", name, step.Uses)
				}
				if strings.HasPrefix(step.Uses, "actions/checkout@") && step.With["persist-credentials"] != false {
					t.Errorf("%s: the checkout leaves the token in the directory; set persist-credentials: false", name)
				}
				// The value of an expression could contain commands.
				if strings.Contains(step.Run, "${{") {
					t.Errorf("%s: pass the expression in env: %s", name, step.Run)
				}
			}
		}
		for line := range strings.Lines(texts[name]) {
			line = strings.TrimRight(line, "\n")
			if strings.Contains(line, "uses: ") && strings.Contains(line, "@") && !commented.MatchString(line) {
				t.Errorf("%s: %q does not end in a comment with the version", name, line)
			}
			if strings.Contains(line, "pull_request_target") {
				t.Errorf("%s: pull_request_target gives the code of strangers a token that may write", name)
			}
		}
		for _, secret := range regexp.MustCompile(`secrets\.\w+`).FindAllString(texts[name], -1) {
			if secret != "secrets.GITHUB_TOKEN" {
				t.Errorf("%s needs %s", name, secret)
			}
		}
	}
}

// The steps of the job test run every part of .ci/run, and the linters. Every script and every
// target of the Makefile that a workflow calls exists.
func TestWorkflowRunsWhatCIRuns(t *testing.T) {
	t.Parallel()
	makefile := readFile(t, "Makefile")
	command := regexp.MustCompile(`(?m)^(?:\.ci/run|make|sh) (\S+)$`)
	got := map[string][]string{}
	_, workflows := readWorkflows(t)
	for name, w := range workflows {
		for _, job := range w.Jobs {
			for _, step := range job.Steps {
				for _, call := range command.FindAllStringSubmatch(step.Run, -1) {
					switch program, argument, _ := strings.Cut(call[0], " "); {
					case program == "sh":
						if _, err := os.Stat(filepath.Join("..", argument)); err != nil {
							t.Errorf("%s: %v", name, err)
						}
					case argument == "programs":
					case !regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(argument) + `:`).MatchString(makefile):
						t.Errorf("%s: the Makefile has no target %s", name, argument)
					default:
						got[name] = append(got[name], argument)
					}
				}
			}
		}
	}
	_, rest, _ := strings.Cut(readFile(t, ".ci/run"), "set -- ")
	parts, _, found := strings.Cut(rest, "\n")
	_, rest, _ = strings.Cut(makefile, "\ntest:")
	tests, _, foundTests := strings.Cut(rest, "\n\n")
	if !found || !foundTests {
		t.Fatal(".ci/run has no list of parts, or the Makefile has no target test")
	}
	want := []string{"lint"} // see .ci/run
	for part := range strings.FieldsSeq(parts) {
		if part == "test" {
			want = append(want, regexp.MustCompile(`test-\w+`).FindAllString(tests, -1)...)
		} else {
			want = append(want, part)
		}
	}
	slices.Sort(want)
	slices.Sort(got["ci"])
	if len(want) < 5 || !slices.Equal(got["ci"], want) {
		t.Errorf("ci.yml runs %q, .ci/run runs %q", got["ci"], want)
	}
}

// Dependabot updates every directory that has dependencies, after a week.
func TestDependabot(t *testing.T) {
	t.Parallel()
	var config struct {
		Updates []struct {
			Ecosystem   string   `yaml:"package-ecosystem"`
			Directory   string   `yaml:"directory"`
			Directories []string `yaml:"directories"`
			Cooldown    struct {
				Days int `yaml:"default-days"`
			} `yaml:"cooldown"`
			Groups map[string]any `yaml:"groups"`
		} `yaml:"updates"`
	}
	if err := yaml.Unmarshal([]byte(readFile(t, ".github/dependabot.yml")), &config); err != nil {
		t.Fatal(err)
	}
	patterns := map[string]string{
		"gomod": "go.mod", "npm": "package-lock.json", "docker": "*Dockerfile",
		"docker-compose": "compose.yaml", "github-actions": ".github/workflows/*.yml",
	}
	for _, update := range config.Updates {
		if update.Cooldown.Days < 7 || len(update.Groups) == 0 {
			t.Errorf("%s: got a cooldown of %d days and the groups %v, want 7 days and a group", update.Ecosystem, update.Cooldown.Days, update.Groups)
		}
		got := append(update.Directories, update.Directory)
		slices.Sort(got)
		got = slices.DeleteFunc(got, func(directory string) bool { return directory == "" })
		var want []string
		for _, directory := range []string{"", ".devcontainer", "bench", "deploy", "e2e", "frontend-dev", "internal/openapi", "tools"} {
			files, err := filepath.Glob(filepath.Join("..", directory, patterns[update.Ecosystem]))
			if err != nil {
				t.Fatal(err)
			}
			if len(files) > 0 {
				want = append(want, "/"+directory)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", update.Ecosystem, got, want)
		}
		delete(patterns, update.Ecosystem)
	}
	if len(patterns) > 0 {
		t.Errorf("Dependabot does not update %v", patterns)
	}
}

// The files that only GitHub and editors read are well-formed.
func TestEditorAndGitHubFiles(t *testing.T) {
	t.Parallel()
	var container struct {
		Build struct{ Dockerfile string }
	}
	if err := json.Unmarshal([]byte(readFile(t, ".devcontainer/devcontainer.json")), &container); err != nil {
		t.Errorf("devcontainer.json: %v", err)
	}
	for line := range strings.Lines(readFile(t, ".devcontainer/"+container.Build.Dockerfile)) {
		if strings.HasPrefix(line, "FROM ") && !strings.Contains(line, "@sha256:") {
			t.Errorf("the devcontainer's image is not pinned by its digest: %s", line)
		}
	}
	forms, err := filepath.Glob("../.github/ISSUE_TEMPLATE/*.yml")
	if err != nil || len(forms) < 2 {
		t.Fatalf("got the issue forms %q, %v, want at least 2", forms, err)
	}
	for _, path := range forms {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var form struct {
			Name        string
			Description string
			Body        []struct{ Type string }
		}
		if err := yaml.Unmarshal(text, &form); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		if filepath.Base(path) != "config.yml" && (form.Name == "" || form.Description == "" || len(form.Body) == 0) {
			t.Errorf("%s: got %+v, want a name, a description and a body", path, form)
		}
	}
	bug := readFile(t, ".github/ISSUE_TEMPLATE/bug.yml")
	if !strings.Contains(bug, "`go run . explain ") {
		t.Error("the bug form does not ask for the output of explain")
	}
	for _, program := range regexp.MustCompile(`go run (\./[\w/]+)`).FindAllStringSubmatch(bug, -1) {
		if _, err := os.Stat(filepath.Join("..", program[1])); err != nil {
			t.Errorf("bug.yml: %v", err)
		}
	}
}
