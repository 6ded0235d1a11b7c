package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/joho/godotenv"

	"example.com/api/internal/spelling"
)

// readFile returns the variables of the file, which need not exist. The error
// contains no value, because any line may be a secret.
func readFile(file string) (map[string]string, error) {
	text, err := readSmallFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s cannot be read (%w); let the server's user read it, or remove it", file, err)
	}
	variables, err := godotenv.UnmarshalBytes(bytes.TrimPrefix(text, []byte("\uFEFF"))) // editors on Windows begin files with it
	if err != nil {
		// The error of godotenv quotes the rest of the file.
		return nil, fmt.Errorf("%s cannot be parsed; write one NAME=value on each line, and close quotes", file)
	}
	for name := range variables {
		if words := strings.Fields(name); len(words) > 1 { // godotenv reads a line without = like this
			shown := ""
			if slices.Contains(Names(), words[0]) {
				shown = " (" + words[0] + ")"
			}
			return variables, fmt.Errorf("%s has a line without = after its name%s; write NAME=value", file, shown)
		}
	}
	return variables, nil
}

// maxFile is the most bytes of a file that are read at startup.
const maxFile = 1 << 20

// readSmallFile returns the content of the file. It rejects one that is larger
// than maxFile, because the name may be that of a device that never ends. The
// error gives the reason without the name, which the caller's message has.
func readSmallFile(name string) ([]byte, error) {
	text, err := readAtMost(name, maxFile+1)
	if unread, ok := errors.AsType[*fs.PathError](err); ok {
		return nil, unread.Err
	}
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("it has more than %d bytes", maxFile)
	}
	return text, err
}

func readAtMost(name string, limit int64) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, limit))
}

// fillEnvironment sets the variables that the environment does not set to the
// values in the file. It removes those that are set to blanks, so that envconfig
// applies its defaults. The error contains no value.
func fillEnvironment(fromFile map[string]string, file string) error {
	fromFile = maps.Clone(fromFile)
	// Of a variable and its _FILE, the environment's wins over the file's.
	for _, name := range Names() {
		if base, ok := strings.CutSuffix(name, "_FILE"); ok && !isBlank(os.Getenv(base)) {
			delete(fromFile, name)
		}
	}
	var errs []error
	for _, name := range Names() {
		value, set := os.LookupEnv(name)
		var err error
		switch {
		case !isBlank(value) || set && name == "ALLOWED_ORIGINS":
		case !isBlank(fromFile[name]):
			err = os.Setenv(name, fromFile[name])
		default:
			err = os.Unsetenv(name)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s has a value for %s that contains a NUL byte; remove the byte", file, name))
		}
	}
	return errors.Join(errs...)
}

// isBlank reports whether a value counts as not set.
func isBlank(value string) bool { return strings.TrimSpace(value) == "" }

// unknownNames warns about variables in the environment that look like misspelt
// settings, and about every variable in the file that is not a setting. Their
// values may be secrets and are not shown.
func unknownNames(environment []string, fromFile map[string]string, file string) []string {
	var warnings []string
	settings := Names()
	for _, variable := range environment {
		name, _, _ := strings.Cut(variable, "=")
		if meant := nearestName(name, settings); meant != "" && meant != name {
			warnings = append(warnings, name+" is set, but there is no such setting; "+meant+" was probably meant")
		}
	}
	for name := range fromFile {
		switch meant := nearestName(name, settings); meant {
		case name:
		case "":
			warnings = append(warnings, fmt.Sprintf("%s sets %q, which is not a setting; remove it", file, name))
		default:
			warnings = append(warnings, fmt.Sprintf("%s sets %q, which is not a setting; %s was probably meant", file, name, meant))
		}
	}
	slices.Sort(warnings)
	return warnings
}

// nearestName returns the setting that the name is or misspells, or "".
func nearestName(name string, settings []string) string {
	if slices.Contains(settings, name) {
		return name
	}
	upper := withoutCORS(strings.ToUpper(name))
	best, fewest := "", maxEdits+1
	for _, setting := range settings {
		most := maxEdits
		if len(setting) <= len("PORT") {
			most = 1 // HOME is two edits away from HOST
		}
		plain := withoutCORS(setting)
		if max(len(upper)-len(plain), len(plain)-len(upper)) > len("IES") {
			continue // too different; this test is cheaper than counting edits
		}
		edits := min(spelling.Edits(upper, plain), spelling.Edits(singular(upper), singular(plain)))
		if edits <= most && edits < fewest {
			best, fewest = setting, edits
		}
	}
	return best
}

// maxEdits is the largest number of edits between a setting and a name that counts
// as its misspelling.
const maxEdits = 2

// withoutCORS returns ALLOWED_ORIGINS for CORS_ALLOWED_ORIGINS, an easy mistake
// because CORS_ALLOWED_METHODS and CORS_ALLOWED_HEADERS are settings.
func withoutCORS(name string) string { return strings.TrimPrefix(name, "CORS_") }

// singular returns TRUSTED_PROXY for TRUSTED_PROXIES.
func singular(name string) string {
	if stem, ok := strings.CutSuffix(name, "IES"); ok {
		return stem + "Y"
	}
	return strings.TrimSuffix(name, "S")
}
