package template

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// The recipes, all in one copy, do what they say: testdata/recipes calls the
// server that they make.
func TestRecipes(t *testing.T) {
	t.Parallel()
	c := copyRepository(t)
	guide := c.read(t, "docs/recipes.md")
	if text, err := c.try(".", "sh", "-ec", shell(t, guide, "Check Bearer tokens")); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("the recipe's dependencies: %v\n%s", err, text)
		}
		fmt.Printf("SKIP the recipes: their dependencies cannot be downloaded; connect to a Go module proxy\n%s", text)
		t.Skip()
	}
	const wantBlocks = 26
	if n := c.follow(t, guide); n != wantBlocks {
		t.Errorf("the recipes have %d files and insertions, want %d", n, wantBlocks)
	}
	// The page that the binary embeds, as Vite would build it.
	c.write(t, "frontend-dev/dist/index.html", `<!doctype html><script type="module" src="/assets/page-1a2b.js"></script>`)
	c.write(t, "frontend-dev/dist/assets/page-1a2b.js", "document.title = 'The page'\n")
	// Streams outlive the limit of a response, which would take half a minute to see.
	const limit = "writeTimeout = 30 * time.Second"
	server := c.read(t, "server.go")
	if !strings.Contains(server, limit) {
		t.Errorf("server.go has no line %q", limit)
	}
	c.write(t, "server.go", strings.Replace(server, limit, "writeTimeout = 2500 * time.Millisecond", 1))

	for name, path := range map[string]string{"recipes_test.go": "tests/recipes_test.go", "ssr.mjs": "ssr/ssr.mjs"} {
		text, err := os.ReadFile("testdata/recipes/" + name)
		if err != nil {
			t.Fatal(err)
		}
		c.write(t, path, string(text))
	}
	c.run(t, ".", "gofmt", "-w", "config", "handlers", "middleware", "router.go", "page.go")
	c.run(t, ".", "go", "vet", ".", "./config", "./handlers", "./middleware")
	text, err := c.try(".", "go", "test", "-count=1", "-run", "^TestRecipe", "-v", "./tests")
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "SKIP ") {
			fmt.Print(line)
		}
	}
	if err != nil || strings.Count(text, "--- PASS: TestRecipe") == 0 {
		t.Errorf("calling what the recipes make: %v\n%s", err, text)
	}
}
