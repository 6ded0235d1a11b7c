// Command othersystems type-checks the packages of a module, their tests
// included, for the systems that people develop on but CI does not run on. It
// generates no code: `GOOS=windows go vet` would compile every dependency for
// each system, which takes minutes.
//
// Usage: othersystems DIR
package main

import (
	"fmt"
	"os"

	"golang.org/x/tools/go/packages"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: othersystems DIR")
		os.Exit(2)
	}
	for _, system := range []string{"windows", "darwin"} {
		loaded, err := packages.Load(&packages.Config{
			Mode:  packages.LoadAllSyntax,
			Dir:   os.Args[1],
			Env:   append(os.Environ(), "GOOS="+system, "CGO_ENABLED=0"),
			Tests: true,
		}, "./...")
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", system, err)
			os.Exit(1)
		}
		if packages.PrintErrors(loaded) > 0 {
			fmt.Fprintf(os.Stderr, "the packages do not compile for %s\n", system)
			os.Exit(1)
		}
	}
}
