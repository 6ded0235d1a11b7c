package main

import (
	"bytes"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const top = "../.."

// A rename changes the present names everywhere, reports it, and can be repeated
// and undone by another one.
func TestRename(t *testing.T) {
	t.Parallel()
	original := readNamesOf(t, top)
	dir := copyProject(t)
	// A file of the name that also has the module.
	dockerfile := filepath.Join(dir, "Dockerfile")
	label := `LABEL org.opencontainers.image.source="https://` + original.module + "\"\n"
	if err := os.WriteFile(dockerfile, []byte(read(t, dir)["Dockerfile"]+label), 0o644); err != nil {
		t.Fatal(err)
	}
	git := filepath.Join(dir, ".git") // of a linked worktree
	gitdir := "gitdir: /home/you/" + original.module + "/.git/worktrees/api\n"
	if err := os.WriteFile(git, []byte(gitdir), 0o600); err != nil {
		t.Fatal(err)
	}
	before := read(t, dir)
	// Not in one piece, because the later renames would change it in this file.
	const module = "git.example.net/shops" + "/quartz-api.v2/v3"
	report := rename(t, dir, module, "quartz-api")
	for _, want := range []string{original.module, module, "quartz-api", "Quartz API", "deploy/compose.yaml", "handlers/root.go"} {
		if !strings.Contains(report, want) {
			t.Errorf("the report lacks %q:\n%s", want, report)
		}
	}
	after := read(t, dir)
	for file, text := range after {
		if replaceModule(text, original.module, "") != text {
			t.Errorf("%s still contains the module %q", file, original.module)
		}
		if hasName(file) && lineOf(text, original.name) != "" {
			t.Errorf("%s still contains the name %q", file, original.name)
		}
	}
	for file, want := range map[string]string{
		".gitignore":                                "\n/quartz-api.v2\n",
		"Dockerfile":                                `ENTRYPOINT ["/quartz-api"]` + "\nLABEL org.opencontainers.image.source=\"https://" + module + "\"\n",
		"deploy/kubernetes/ingress.yaml":            "secretName: quartz-api-tls",
		"deploy/kubernetes/configmap.yaml":          `"quartz-api:ratelimit:"`,
		"handlers/root.go":                          `"Quartz API"`,
		"internal/openapi/openapi.yaml":             "\n  title: Quartz API\n",
		"internal/openapi/docs/index.html":          "<title>Quartz API</title>",
		"deploy/compose.yaml":                       "\n    image: quartz-api-proxy\n",
		"go.mod":                                    "module " + module + "\n",
		"internal/ratelimit/redis_test.go":          `"` + module + `/internal/ratelimit"`,
		"frontend-dev/src/api/generated/openapi.ts": `"name": "Quartz API"`,
	} {
		if !strings.Contains(after[file], want) {
			t.Errorf("%s does not contain %q", file, want)
		}
	}

	if text, err := os.ReadFile(git); err != nil || string(text) != gitdir {
		t.Errorf(".git: got %q, %v, want %q", text, err, gitdir)
	}

	if again := rename(t, dir, module, "quartz-api"); !strings.Contains(again, "Nothing changed") || strings.Contains(again, " is now ") {
		t.Errorf("the second time, the report is:\n%s", again)
	}
	checkSame(t, read(t, dir), after)
	rename(t, dir, "example.net"+"/q", "q")
	rename(t, dir, original.module, original.name)
	checkSame(t, read(t, dir), before)
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	dir := copyProject(t)
	before := read(t, dir)
	for _, tt := range []struct{ module, name, want string }{
		{"", "shop", "write, for example: make rename MODULE=github.com/you/shop NAME=shop"},
		{"github.com/you/shop", "", "write, for example"},
		{"https://github.com/you/shop", "shop", "without https://"},
		{"github.com/you/shop.git", "shop", ".git"},
		{"git@github.com:you/shop", "shop", "MODULE"},
		{"shop", "shop", "MODULE"},
		{"net/http", "shop", "MODULE"},
		{"github.com/you//shop", "shop", "MODULE"},
		{"github.com/you/shop/", "shop", "MODULE"},
		{"github.com/you/my shop", "shop", "MODULE"},
		{"github.com/../shop", "shop", "MODULE"},
		{"github.com/you/$1", "shop", "MODULE"},
		{"github.com/you/shop", "Shop", `NAME="Shop"`},
		{"github.com/you/shop", "my_shop", "a-z 0-9 -"},
		{"github.com/you/shop", "-shop", "NAME"},
		{"github.com/you/shop", "shop-", "NAME"},
		{"github.com/you/shop", "1shop", "NAME"},
		{"github.com/you/shop", strings.Repeat("s", 51), "NAME"},
		{"shop", "Shop", "NAME"}, // both are named
		{"github.com/you/shop", "redis", `"my-redis"`},
		{"github.com/you/shop", "proxy", "deploy/"},
	} {
		err := run(dir, []string{tt.module, tt.name}, io.Discard)
		if err == nil || !strings.Contains(err.Error(), strings.Trim(tt.want, `"`)) && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q, %q: got %v, want %s", tt.module, tt.name, err, tt.want)
		}
	}
	checkSame(t, read(t, dir), before)
	if err := run(t.TempDir(), []string{"github.com/you/shop", "shop"}, io.Discard); err == nil || !strings.Contains(err.Error(), "top directory") {
		t.Errorf("elsewhere: got %v", err)
	}
}

func TestReplace(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ text, want string }{
		{`"example.com/shop/config"`, `"NEW/config"`},
		{"module example.com/shop\n", "module NEW\n"},
		{"example.com/shop example.com/shop, https://example.com/shop.", "NEW NEW, https://NEW."},
		{"example.com/shopping example.com/shop-client my.example.com/shop", "example.com/shopping example.com/shop-client my.example.com/shop"},
	} {
		if got := replaceModule(tt.text, "example.com/shop", "NEW"); got != tt.want {
			t.Errorf("got %s, want %s", got, tt.want)
		}
	}
	for _, tt := range []struct{ text, want string }{
		{"shop shop-tls /shop ghcr.io/OWNER/shop:1 {shop}", "NEW NEW-tls /NEW ghcr.io/OWNER/NEW:1 {NEW}"},
		{"my-shop shops shop_2 workshop a.shop Shop", "my-shop shops shop_2 workshop a.shop Shop"},
	} {
		if got := replaceName(tt.text, "shop", "NEW"); got != tt.want {
			t.Errorf("got %s, want %s", got, tt.want)
		}
	}
}

func rename(t *testing.T, dir, module, name string) string {
	t.Helper()
	var report bytes.Buffer
	if err := run(dir, []string{module, name}, &report); err != nil {
		t.Fatal(err)
	}
	return report.String()
}

func readNamesOf(t *testing.T, dir string) names {
	t.Helper()
	n, err := readNames(dir)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// copyProject copies the files that a rename reads, without the largest
// directories, which have nothing that the others lack.
func copyProject(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for file, text := range read(t, top) {
		if strings.HasPrefix(file, "e2e/") || strings.HasPrefix(file, "internal/fetch/") || strings.HasPrefix(file, "cmd/corscheck/") {
			continue
		}
		path := filepath.Join(dir, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func read(t *testing.T, dir string) map[string]string {
	t.Helper()
	texts, err := readFiles(dir)
	if err != nil {
		t.Fatal(err)
	}
	return texts
}

func checkSame(t *testing.T, got, want map[string]string) {
	t.Helper()
	for _, file := range slices.Sorted(maps.Keys(want)) {
		if got[file] != want[file] {
			t.Errorf("%s differs", file)
		}
	}
}
