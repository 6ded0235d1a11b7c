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

// manifests are the objects of deploy/kubernetes by kind, as JSON has them.
type manifests map[string]any

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
			t.Fatalf("%s: the tests read one object a file", file)
		}
		text, err := yaml.YAMLToJSON([]byte(source))
		var object map[string]any
		if err := errors.Join(err, json.Unmarshal(text, &object)); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		kind, _ := object["kind"].(string)
		if m[kind] != nil {
			t.Fatalf("%s: there is a %q already", file, kind)
		}
		m[kind] = object
	}
	return m
}

// at is what stands at a path such as Deployment.spec.template; nil where
// nothing does.
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

// text is at as JSON; JSON sorts the keys of a map.
func (m manifests) text(path string) string {
	text, _ := json.Marshal(m.at(path)) // it came from JSON
	return string(text)
}

// list is the list at a path, each entry as T.
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

// environment is what the container starts with. Secrets are files in dir.
func (m manifests) environment(t *testing.T, dir string) map[string]string {
	t.Helper()
	env := map[string]string{"DATABASE_URL": "file:/data/app.db"} // the image's
	data, _ := m.at("ConfigMap.data").(map[string]any)
	for name, value := range data {
		text, ok := value.(string)
		if !ok {
			t.Fatalf("ConfigMap: %s is no text: %v", name, value)
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

// bytesOf is a quantity in mebibytes.
func bytesOf(t *testing.T, quantity any) int {
	t.Helper()
	mebibytes, ok := strings.CutSuffix(fmt.Sprint(quantity), "Mi")
	n, err := strconv.Atoi(mebibytes)
	if err != nil || !ok {
		t.Fatalf("got %v, want a number of Mi", quantity)
	}
	return n << 20
}

// What the manifests set is accepted by the program and starts it; its probes
// pass, asked by an address that is none of ALLOWED_HOSTS.
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
		if name != "GOMEMLIMIT" && !slices.Contains(config.Names(), name) {
			t.Errorf("%s is no setting", name)
		}
		env = append(env, name+"="+value)
	}
	// Every value as it stands: status 2 stands for one that is refused.
	p := launchWith(t, []string{"healthcheck"}, t.TempDir(), env...)
	if status := p.wait(t); status == 2 {
		t.Fatalf("refused: %s", p.stderr)
	}

	// A test's addresses, and no wait at its end.
	s := startIn(t, t.TempDir(), append(env, "HOST=127.0.0.1", "PORT=0", "METRICS_ADDR=127.0.0.1:0", "SHUTDOWN_DELAY=0s")...)
	for _, probe := range []string{"startupProbe", "livenessProbe", "readinessProbe"} {
		path, _ := m.at(apiPath + "." + probe + ".httpGet.path").(string)
		checkStatus(t, s.get(t, path, "Host: 10.244.0.7:8080"), 200)
	}
	checkStatus(t, s.get(t, "/api/hello", "Host: 10.244.0.7:8080"), 400)
	host, _ := m.at("Ingress.spec.rules.0.host").(string)
	checkStatus(t, s.get(t, "/api/hello", "Host: "+host), 200)
	if got, want := s.get(t, "/readyz").body, `{"status":"ready","redis":"down","database":"down"}`; got != want {
		t.Errorf("got %s, want %s: the secrets are not read", got, want)
	}
}

// What refers to something else in the manifests, or in the image, finds it.
func TestKubernetesObjectsAgree(t *testing.T) {
	t.Parallel()
	m := readManifests(t)
	env := m.environment(t, "")
	_, metricsPort, err := net.SplitHostPort(env["METRICS_ADDR"])
	if err != nil {
		t.Fatal(err)
	}
	if got, want := m.text(apiPath+".ports"), fmt.Sprintf(`[{"containerPort":%s,"name":"http"},{"containerPort":%s,"name":"metrics"}]`, cmp.Or(env["PORT"], "8080"), metricsPort); got != want {
		t.Errorf("ports: got %s, want PORT and METRICS_ADDR: %s", got, want)
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

		// By name; metrics are not on the Service.
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
			t.Errorf("the Dockerfile has no line %q", line)
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
	// A rule without from would admit everybody, one without ports anything.
	for _, rule := range list[struct{ From, Ports []any }](t, m, "NetworkPolicy.spec.ingress") {
		if len(rule.From) == 0 || len(rule.Ports) == 0 {
			t.Errorf("ingress: got %v, want it from somewhere to some port", rule)
		}
	}
	for _, rule := range list[struct{ Ports []any }](t, m, "NetworkPolicy.spec.egress") {
		if len(rule.Ports) == 0 {
			t.Error("egress: got a rule for all ports")
		}
	}
}

// No replica is stopped before others serve, none is killed while it drains,
// and the collector knows the container's limit of memory.
func TestKubernetesRollsOverWithoutLoss(t *testing.T) {
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
	probed := func(probe string) time.Duration { // until it has failed
		return time.Duration(number(apiPath+"."+probe+".periodSeconds")*number(apiPath+"."+probe+".failureThreshold")) * time.Second
	}
	delay := duration("SHUTDOWN_DELAY")
	// What a pod's address takes to leave every proxy and node: some seconds.
	const spread = 5 * time.Second
	if least := 2*probed("readinessProbe") + spread; delay < least {
		t.Errorf("SHUTDOWN_DELAY=%s, want two rounds of readiness probes and %s: %s", delay, spread, least)
	}
	grace := time.Duration(number(podPath+".terminationGracePeriodSeconds")) * time.Second
	if drained := delay + duration("SHUTDOWN_TIMEOUT"); grace <= drained+5*time.Second {
		t.Errorf("killed after %s, want over 5s more than draining takes, %s", grace, drained)
	}
	const listens = 10 * time.Second // at the latest: opening the database waits so long for a PostgreSQL that migrates
	if limit := probed("startupProbe"); limit < 2*listens {
		t.Errorf("restarted after %s without an answer, want at least twice %s", limit, listens)
	}
	if number("Deployment.spec.replicas") < 2 ||
		m.text("Deployment.spec.strategy.rollingUpdate") != `{"maxSurge":1,"maxUnavailable":0}` ||
		number("PodDisruptionBudget.spec.maxUnavailable") != 1 {
		t.Error("want two replicas, a new one before an old one goes, and one evicted at a time")
	}
	collector, err := strconv.Atoi(env["GOMEMLIMIT"])
	if err != nil {
		t.Fatalf("GOMEMLIMIT: got %q, want bytes", env["GOMEMLIMIT"])
	}
	limit := bytesOf(t, m.at(apiPath+".resources.limits.memory"))
	if share := float64(collector) / float64(limit); share < 0.8 || share > 0.95 {
		t.Errorf("GOMEMLIMIT=%d is %.2f of the limit, %d, want about 0.9", collector, share, limit)
	}
}

// schemas is a module with the OpenAPI descriptions of Kubernetes' own API in
// it, of which only these files are used.
const (
	schemas        = "sigs.k8s.io/kubectl-validate@v0.0.4"
	schemasVersion = "pkg/openapiclient/builtins/1.30"
)

// The manifests are what Kubernetes takes: no unknown field, no wrong type,
// nothing required left out.
func TestKubernetesSchemas(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	download := exec.CommandContext(ctx, "go", "mod", "download", "-json", schemas)
	download.Dir = t.TempDir() // outside of this module, whose go.sum stays as it is
	text, err := download.Output()
	var module struct{ Dir, Error string }
	if err := errors.Join(err, json.Unmarshal(text, &module)); err != nil {
		without(t, fmt.Sprintf("the schemas of Kubernetes cannot be had; go mod download %s (%v %s)", schemas, err, module.Error))
	}
	for kind, object := range readManifests(t) {
		if kind == "Kustomization" { // the client's, not Kubernetes'; see below
			continue
		}
		version, _ := object.(map[string]any)["apiVersion"].(string)
		if err := schemaOf(t, filepath.Join(module.Dir, schemasVersion), version, kind).VisitJSON(object, openapi3.MultiErrors()); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

// schemaOf is the schema of a kind, strict as kubectl is: a field that it does
// not name is a mistake.
func schemaOf(t *testing.T, dir, apiVersion, kind string) *openapi3.Schema {
	t.Helper()
	group, version, found := strings.Cut(apiVersion, "/")
	file := "apis/" + apiVersion + ".json"
	if !found {
		group, version, file = "core", apiVersion, "api/"+apiVersion+".json"
	}
	var types struct { // without the paths, which are most of it
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
	text, _ = json.Marshal(types) // it came from JSON
	document, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		t.Fatal(err)
	}
	group, _, _ = strings.Cut(group, ".") // networking.k8s.io
	for _, schema := range document.Components.Schemas {
		if s := schema.Value; len(s.Properties) > 0 && s.AdditionalProperties.Schema == nil {
			s.AdditionalProperties.Has = new(bool) // none
		}
	}
	schema := document.Components.Schemas["io.k8s.api."+group+"."+version+"."+kind]
	if schema == nil {
		t.Fatalf("Kubernetes knows no %s of %s", kind, apiVersion)
	}
	return schema.Value
}

// kubectl apply -k applies every file.
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
		t.Errorf("files: got %q, want those listed in kustomization.yaml: %q", files, want)
	}
	if kustomization.APIVersion != "kustomize.config.k8s.io/v1beta1" || kustomization.Kind != "Kustomization" {
		t.Errorf("got %s %s", kustomization.APIVersion, kustomization.Kind)
	}
}
