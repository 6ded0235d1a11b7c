package tests

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/goccy/go-yaml"

	"example.com/api/config"
)

// The settings in the manifests are valid and start the server. The probes pass,
// even though they send a Host that ALLOWED_HOSTS does not contain.
func TestKubernetesStartsTheServer(t *testing.T) {
	t.Parallel()
	m := readManifests(t)
	secrets := t.TempDir()
	for name, value := range map[string]string{
		"session_secret": secret + "\n", "database_url": "postgres://api:p@127.0.0.1:1/api", "redis_url": "redis://api:p@127.0.0.1:1/0",
	} {
		writeFile(t, secrets, name, value)
	}
	var env []string
	for name, value := range m.environment(t, secrets) {
		if !slices.Contains(config.Names(), name) && name != "GOMEMLIMIT" && name != "GOGC" {
			t.Errorf("%s is not a setting", name)
		}
		env = append(env, name+"="+value)
	}
	// With the unchanged values, status 2 would mean that one is invalid.
	p := launchWith(t, []string{"healthcheck"}, t.TempDir(), env...)
	if status := p.wait(t); status == 2 {
		t.Fatalf("the settings are invalid: %s", p.stderr)
	}

	// The server listens on addresses of the test and stops without a delay.
	s := startIn(t, t.TempDir(), append(env, "HOST=127.0.0.1", "PORT=0", "METRICS_ADDR=127.0.0.1:0", "SHUTDOWN_DELAY=0s")...)
	for _, probe := range []string{"startupProbe", "livenessProbe", "readinessProbe"} {
		path, _ := m.at(apiPath + "." + probe + ".httpGet.path").(string)
		checkStatus(t, s.get(t, path, "Host: 10.244.0.7:8080"), 200)
	}
	checkStatus(t, s.get(t, "/api/hello", "Host: 10.244.0.7:8080"), 400)
	host, _ := m.at("Ingress.spec.rules.0.host").(string)
	checkStatus(t, s.get(t, "/api/hello", "Host: "+host), 200)
	if got, want := s.get(t, "/readyz").body, `{"status":"ready","redis":"down","database":"down"}`; got != want {
		t.Errorf("got %s, want %s, with the secrets read from their files", got, want)
	}
}

// References between the manifests, and to the image, are consistent.
func TestKubernetesObjectsAgree(t *testing.T) {
	t.Parallel()
	m := readManifests(t)
	env := m.environment(t, "")
	_, metricsPort, err := net.SplitHostPort(env["METRICS_ADDR"])
	if err != nil {
		t.Fatal(err)
	}
	if got, want := m.text(apiPath+".ports"), fmt.Sprintf(`[{"containerPort":%s,"name":"http"},{"containerPort":%s,"name":"metrics"}]`, cmp.Or(env["PORT"], "8080"), metricsPort); got != want {
		t.Errorf("ports: got %s, want those of PORT and METRICS_ADDR: %s", got, want)
	}
	const podLabels = "Deployment.spec.template.metadata.labels"
	host := m.text("Ingress.spec.rules.0.host")
	for path, want := range map[string]string{
		"Deployment.spec.selector.matchLabels":                             m.text(podLabels),
		podPath + ".topologySpreadConstraints.0.labelSelector.matchLabels": m.text(podLabels),
		podPath + ".topologySpreadConstraints.1.labelSelector.matchLabels": m.text(podLabels),
		"NetworkPolicy.spec.podSelector.matchLabels":                       m.text(podLabels),
		"PodDisruptionBudget.spec.selector.matchLabels":                    m.text(podLabels),
		"Service.spec.selector":                                            m.text(podLabels),

		apiPath + ".envFrom.0.configMapRef.name":                 m.text("ConfigMap.metadata.name"),
		apiPath + ".volumeMounts.0.name":                         m.text(podPath + ".volumes.0.name"),
		"Ingress.spec.rules.0.http.paths.0.backend.service.name": m.text("Service.metadata.name"),
		"Ingress.spec.tls.0.hosts":                               "[" + host + "]",

		// Ports are referred to by name. The Service does not expose metrics.
		"Service.spec.ports.0.targetPort":                             `"http"`,
		"Service.spec.ports.1":                                        "null",
		"Ingress.spec.rules.0.http.paths.0.backend.service.port.name": m.text("Service.spec.ports.0.name"),
		apiPath + ".startupProbe.httpGet":                             `{"path":"/healthz","port":"http"}`,
		apiPath + ".livenessProbe.httpGet":                            `{"path":"/healthz","port":"http"}`,
		apiPath + ".readinessProbe.httpGet":                           `{"path":"/readyz","port":"http"}`,
		"NetworkPolicy.spec.ingress.0.ports":                          `[{"port":"http"}]`,
		"NetworkPolicy.spec.ingress.1.ports":                          `[{"port":"metrics"}]`,
		"Deployment.spec.template.metadata.annotations":               `{"prometheus.io/port":"` + metricsPort + `","prometheus.io/scrape":"true"}`,
	} {
		if got := m.text(path); got != want || m.at(path) == nil && want != "null" {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
	dockerfile := readFile(t, "Dockerfile")
	for _, line := range []string{
		fmt.Sprintf("\nUSER %[1]s:%[1]s\n", m.text(podPath+".securityContext.runAsUser")),
		fmt.Sprintf("\nEXPOSE %s\n", m.text(apiPath+".ports.0.containerPort")),
	} {
		if !strings.Contains(dockerfile, line) {
			t.Errorf("the Dockerfile does not contain %q", line)
		}
	}
}

func TestKubernetesPodIsHardened(t *testing.T) {
	t.Parallel()
	m := readManifests(t)
	for path, want := range map[string]string{
		podPath + ".automountServiceAccountToken":   `false`,
		podPath + ".enableServiceLinks":             `false`,
		podPath + ".securityContext.runAsNonRoot":   `true`,
		podPath + ".securityContext.seccompProfile": `{"type":"RuntimeDefault"}`,
		apiPath + ".securityContext":                `{"allowPrivilegeEscalation":false,"capabilities":{"drop":["ALL"]},"readOnlyRootFilesystem":true}`,
		podPath + ".containers.1":                   `null`,
		podPath + ".volumes.0.secret.defaultMode":   `288`, // 0440
		"NetworkPolicy.spec.policyTypes":            `["Ingress","Egress"]`,
	} {
		if got := m.text(path); got != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
	// A rule without from admits every peer, and one without ports every port.
	for _, rule := range list[struct{ From, Ports []any }](t, m, "NetworkPolicy.spec.ingress") {
		if len(rule.From) == 0 || len(rule.Ports) == 0 {
			t.Errorf("ingress: got %v, want it to name peers and ports", rule)
		}
	}
	for _, rule := range list[struct{ Ports []any }](t, m, "NetworkPolicy.spec.egress") {
		if len(rule.Ports) == 0 {
			t.Error("egress: got a rule for every port, want it to name ports")
		}
	}
}

// A rolling update stops no replica before a new one serves and kills none that
// still drains. The Go runtime knows the memory limit of the container.
func TestKubernetesRollingUpdate(t *testing.T) {
	t.Parallel()
	m := readManifests(t)
	env := m.environment(t, "")
	duration := func(name string) time.Duration {
		d, err := time.ParseDuration(env[name])
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return d
	}
	number := func(path string) float64 {
		n, ok := m.at(path).(float64)
		if !ok {
			t.Fatalf("%s: got %s, want a number", path, m.text(path))
		}
		return n
	}
	failsAfter := func(probe string) time.Duration {
		return time.Duration(number(apiPath+"."+probe+".periodSeconds")*number(apiPath+"."+probe+".failureThreshold")) * time.Second
	}
	delay := duration("SHUTDOWN_DELAY")
	// It takes some seconds until every proxy and node has removed a pod's address.
	const propagation = 5 * time.Second
	if least := 2*failsAfter("readinessProbe") + propagation; delay < least {
		t.Errorf("SHUTDOWN_DELAY=%s, want at least two failures of the readiness probe and %s, %s", delay, propagation, least)
	}
	grace := time.Duration(number(podPath+".terminationGracePeriodSeconds")) * time.Second
	if drained := delay + duration("SHUTDOWN_TIMEOUT"); grace <= drained+5*time.Second {
		t.Errorf("terminationGracePeriodSeconds: got %s, want over 5s more than shutdown takes, %s", grace, drained)
	}
	// The server listens after 10 s at the latest, because it waits that long for a
	// PostgreSQL that another replica is migrating.
	const startup = 10 * time.Second
	if limit := failsAfter("startupProbe"); limit < 2*startup {
		t.Errorf("the startup probe fails after %s, want at least twice %s", limit, startup)
	}
	if number("Deployment.spec.replicas") < 2 ||
		m.text("Deployment.spec.strategy.rollingUpdate") != `{"maxSurge":1,"maxUnavailable":0}` ||
		number("PodDisruptionBudget.spec.maxUnavailable") != 1 {
		t.Error("want at least two replicas, each new one started before an old one stops, and one eviction at a time")
	}
	softLimit, err := strconv.Atoi(env["GOMEMLIMIT"])
	if err != nil {
		t.Fatalf("GOMEMLIMIT: got %q, want a number of bytes", env["GOMEMLIMIT"])
	}
	limit := bytesOf(t, m.at(apiPath+".resources.limits.memory"))
	if share := float64(softLimit) / float64(limit); share < 0.8 || share > 0.95 {
		t.Errorf("GOMEMLIMIT=%d is %.2f of the limit %d, want about 0.9", softLimit, share, limit)
	}
}

// The manifests match the schemas of Kubernetes: they have no unknown fields, no
// wrong types, and every required field.
func TestKubernetesSchemas(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	download := exec.CommandContext(ctx, "go", "mod", "download", "-json", schemas)
	download.Dir = t.TempDir() // outside this module, so that its go.sum does not change
	text, err := download.Output()
	var module struct{ Dir, Error string }
	if err := errors.Join(err, json.Unmarshal(text, &module)); err != nil {
		without(t, fmt.Sprintf("the schemas of Kubernetes are missing; run go mod download %s (%v %s)", schemas, err, module.Error))
	}
	for kind, object := range readManifests(t) {
		if kind == "Kustomization" { // belongs to the client; TestKubernetesKustomization checks it
			continue
		}
		version, _ := object.(map[string]any)["apiVersion"].(string)
		if err := schemaOf(t, filepath.Join(module.Dir, schemasVersion), version, kind).VisitJSON(object, openapi3.MultiErrors()); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

// The kustomization lists every file, so kubectl apply -k applies all of them.
func TestKubernetesKustomization(t *testing.T) {
	t.Parallel()
	var kustomization struct {
		APIVersion string `yaml:"apiVersion"`
		Kind       string
		Resources  []string
	}
	if err := yaml.UnmarshalWithOptions([]byte(readFile(t, "deploy/kubernetes/kustomization.yaml")), &kustomization, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("../deploy/kubernetes/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"kustomization.yaml"}
	want = append(want, kustomization.Resources...)
	slices.Sort(want)
	for i := range files {
		files[i] = filepath.Base(files[i])
	}
	if !slices.Equal(files, want) {
		t.Errorf("got the files %q, want those that kustomization.yaml lists: %q", files, want)
	}
	if kustomization.APIVersion != "kustomize.config.k8s.io/v1beta1" || kustomization.Kind != "Kustomization" {
		t.Errorf("got the type %s %s, want kustomize.config.k8s.io/v1beta1 Kustomization", kustomization.APIVersion, kustomization.Kind)
	}
}

// manifests holds the objects of deploy/kubernetes by kind, as decoded from
// JSON.
type manifests map[string]any

// readManifests parses the files of deploy/kubernetes.
func readManifests(t *testing.T) manifests {
	t.Helper()
	files, err := filepath.Glob("../deploy/kubernetes/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	m := make(manifests)
	for _, file := range files {
		source := readFile(t, strings.TrimPrefix(file, "../"))
		if strings.Contains(source, "\n---") {
			t.Fatalf("%s has several objects; the tests support one object per file", file)
		}
		text, err := yaml.YAMLToJSON([]byte(source))
		var object map[string]any
		if err := errors.Join(err, json.Unmarshal(text, &object)); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		kind, _ := object["kind"].(string)
		if m[kind] != nil {
			t.Fatalf("%s: another file already has the kind %q", file, kind)
		}
		m[kind] = object
	}
	return m
}

// at returns the value at a path such as Deployment.spec.template, or nil if
// there is none.
func (m manifests) at(path string) any {
	var value any = map[string]any(m)
	for step := range strings.SplitSeq(path, ".") {
		switch v := value.(type) {
		case map[string]any:
			value = v[step]
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i >= len(v) {
				return nil
			}
			value = v[i]
		default:
			return nil
		}
	}
	return value
}

// text returns the value at a path as JSON, with sorted keys.
func (m manifests) text(path string) string {
	text, _ := json.Marshal(m.at(path)) // cannot fail: the value came from JSON
	return string(text)
}

// list returns the list at a path.
func list[T any](t *testing.T, m manifests, path string) []T {
	t.Helper()
	var entries []T
	if err := json.Unmarshal([]byte(m.text(path)), &entries); err != nil || len(entries) == 0 {
		t.Fatalf("%s: got %s, %v, want a list", path, m.text(path), err)
	}
	return entries
}

const (
	podPath = "Deployment.spec.template.spec"
	apiPath = podPath + ".containers.0"
)

// environment returns the environment of the container. Its secrets are files in
// dir.
func (m manifests) environment(t *testing.T, dir string) map[string]string {
	t.Helper()
	env := map[string]string{"DATABASE_URL": "file:/data/app.db"} // set by the image
	data, _ := m.at("ConfigMap.data").(map[string]any)
	for name, value := range data {
		text, ok := value.(string)
		if !ok {
			t.Fatalf("ConfigMap: %s is not a string: %v", name, value)
		}
		env[name] = text
	}
	mounted := fmt.Sprint(m.at(apiPath+".volumeMounts.0.mountPath"), "/")
	for _, v := range list[struct {
		Name, Value string
		ValueFrom   struct{ ResourceFieldRef struct{ Resource string } }
	}](t, m, apiPath+".env") {
		if resource := v.ValueFrom.ResourceFieldRef.Resource; resource != "" {
			v.Value = strconv.Itoa(bytesOf(t, m.at(apiPath+".resources."+resource)))
		}
		if file, ok := strings.CutPrefix(v.Value, mounted); ok {
			v.Value = filepath.Join(dir, file)
		}
		env[v.Name] = v.Value
	}
	return env
}

// bytesOf parses a quantity in mebibytes.
func bytesOf(t *testing.T, quantity any) int {
	t.Helper()
	mebibytes, ok := strings.CutSuffix(fmt.Sprint(quantity), "Mi")
	n, err := strconv.Atoi(mebibytes)
	if err != nil || !ok {
		t.Fatalf("got %v, want a number of Mi", quantity)
	}
	return n << 20
}

// schemas is a module that contains the OpenAPI descriptions of Kubernetes. Only
// the files of schemasVersion are used.
const (
	schemas        = "sigs.k8s.io/kubectl-validate@v0.0.4"
	schemasVersion = "pkg/openapiclient/builtins/1.30"
)

// schemaOf returns the schema of a kind. Like kubectl, it does not allow fields
// that the schema does not name.
func schemaOf(t *testing.T, dir, apiVersion, kind string) *openapi3.Schema {
	t.Helper()
	group, version, found := strings.Cut(apiVersion, "/")
	file := "apis/" + apiVersion + ".json"
	if !found {
		group, version, file = "core", apiVersion, "api/"+apiVersion+".json"
	}
	var types struct { // without the paths, which are most of the file
		OpenAPI    string          `json:"openapi"`
		Info       json.RawMessage `json:"info"`
		Components json.RawMessage `json:"components"`
	}
	text, err := os.ReadFile(filepath.Join(dir, file))
	if err == nil {
		err = json.Unmarshal(text, &types)
	}
	if err != nil {
		t.Fatal(err)
	}
	text, _ = json.Marshal(types) // cannot fail: it came from JSON
	document, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		t.Fatal(err)
	}
	group, _, _ = strings.Cut(group, ".") // networking.k8s.io becomes networking
	for _, schema := range document.Components.Schemas {
		if s := schema.Value; len(s.Properties) > 0 && s.AdditionalProperties.Schema == nil {
			s.AdditionalProperties.Has = new(bool) // false: none are allowed
		}
	}
	schema := document.Components.Schemas["io.k8s.api."+group+"."+version+"."+kind]
	if schema == nil {
		t.Fatalf("Kubernetes has no kind %s in %s", kind, apiVersion)
	}
	return schema.Value
}
