# Helpers of cluster.bats.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # The tests and bats use and set variables.

# Everything that the tests create, except objects in their namespaces, has this label.
label=app.kubernetes.io/managed-by=interlink-annotations-e2e
labels='{"app.kubernetes.io/managed-by": "interlink-annotations-e2e"}'
namespace=interlink-e2e
# Matches the default of the setting shadowNamespaces.
shadow_namespace=interlink-e2e-wstunnel
examples=$BATS_TEST_DIRNAME/../examples

# Never another context than the one that was checked, even if the current context changes during the run.
kubectl() {
  command kubectl --context "$context" "$@"
}

# The users: each service account has the permissions that access.yaml gives it.
user() {
  kubectl --as "system:serviceaccount:$namespace:user" --namespace "$namespace" "$@"
}

# May also write Nodes, and the subresources of pods.
operator() {
  kubectl --as "system:serviceaccount:$namespace:operator" --namespace "$namespace" "$@"
}

# Trusted by default, whether or not this account exists.
interlink() {
  kubectl --as system:serviceaccount:interlink:e2e --namespace "$namespace" "$@"
}

# pod NAME ANNOTATIONS [METADATA]: prints a pod that may run on a virtual node, but that no scheduler places.
# ANNOTATIONS and METADATA are fields of a YAML flow mapping.
pod() {
  resource v1 Pod "name: $1, annotations: {$2}, ${3-}" "$pod_spec"
}
pod_spec='schedulerName: none, tolerations: [{operator: Exists}], containers: [{name: main, image: example.org/none}]'

# workload KIND NAME ANNOTATIONS: prints a workload whose pods have the annotations, but that creates none for now.
workload() {
  local selector="selector: {matchLabels: {app: $2}}"
  case $1 in
    Deployment | ReplicaSet) resource apps/v1 "$1" "name: $2" "$selector, replicas: 0, $(template "$2" "$3")" ;;
    StatefulSet) resource apps/v1 "$1" "name: $2" "$selector, replicas: 0, serviceName: $2, $(template "$2" "$3")" ;;
    DaemonSet)
      resource apps/v1 "$1" "name: $2" "$selector, $(template "$2" "$3" 'nodeSelector: {interlink-e2e: none}')"
      ;;
    ReplicationController) resource v1 "$1" "name: $2" "replicas: 0, $(template "$2" "$3")" ;;
    Job) resource batch/v1 "$1" "name: $2" "suspend: true, $(template "$2" "$3" 'restartPolicy: Never')" ;;
    CronJob)
      resource batch/v1 "$1" "name: $2" \
        "suspend: true, schedule: '* * * * *', jobTemplate: {spec: {$(template "$2" "$3" 'restartPolicy: Never')}}"
      ;;
  esac
}

# resource API KIND METADATA SPEC
resource() {
  printf 'apiVersion: %s\nkind: %s\nmetadata: {%s}\nspec: {%s}\n' "$@"
}

# template NAME ANNOTATIONS [SPEC]: prints a pod template. SPEC has more fields of the pods' spec.
template() {
  echo "template: {metadata: {labels: {app: $1}, annotations: {$2}}, spec: {$pod_spec, ${3-}}}"
}

# binding ANNOTATIONS: prints a Binding of the pod `unbound`, as JSON.
binding() {
  echo '{"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "unbound", "annotations": {'"$1"'}},' \
    '"target": {"kind": "Node", "name": "none"}}'
}

# Runs a command. Bats shows the output if the test fails.
attempt() {
  run "$@"
  echo "$ $*"
  echo "$output"
}

accepted() {
  attempt "$@"
  [ "$status" -eq 0 ] && [[ "$output" != *"Warning: "*"annotations["* ]]
}

# warned RULE COMMAND...: the request is accepted, with a warning of the rule.
warned() {
  attempt "${@:2}"
  [ "$status" -eq 0 ] && [[ "$output" == *"Warning: $1: "* ]]
}

# denied RULE COMMAND...: the policy refuses the request, because of the rule. Not because of Kubernetes' own
# permissions or validation.
denied() {
  attempt "${@:2}"
  [ "$status" -ne 0 ] && [[ "$output" == *"denied the request: "*"$1: "* ]]
}

# unanswered COMMAND...: the request fails, because the API server does not reach the policy server.
unanswered() {
  attempt "$@"
  [ "$status" -ne 0 ] && [[ "$output" == *"failed calling webhook"* ]]
}

# eventually SECONDS COMMAND...: repeats the command until it succeeds.
eventually() {
  local end=$((SECONDS + $1))
  until "${@:2}"; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 1
  done
}

# has_event KIND NAME TEXT: an event about an object contains the text. NAME is a regular expression.
has_event() {
  kubectl get events --namespace "$namespace" --field-selector "involvedObject.kind=$1" \
    --output 'jsonpath={range .items[*]}{.involvedObject.name}{" "}{.message}{"\n"}{end}' >"$BATS_TEST_TMPDIR/events"
  grep --quiet "^$2 .*$3" "$BATS_TEST_TMPDIR/events"
}

# pods_denied KIND NAME RULE: the controller of a workload reports that the policy refuses what it creates.
pods_denied() {
  eventually 60 has_event "$1" "$2" "denied the request: $3: " || {
    echo "no such event:" && cat "$BATS_TEST_TMPDIR/events" && return 1
  }
}

has_pod() {
  kubectl get pods --namespace "$1" --selector "app=$2" --output name | grep --quiet .
}

gone() {
  kubectl get --namespace "$namespace" "$1" 2>&1 | grep --quiet NotFound
}

# annotation OBJECT KEY: prints an annotation's value.
annotation() {
  kubectl get --namespace "$namespace" "$1" --output "jsonpath={.metadata.annotations.$2}"
}

# Asks before the tests use a cluster that does not look like one for tests.
confirm_context() {
  context=$(command kubectl config current-context)
  export context
  case $context in
    kind-* | k3d-* | "${E2E_CONTEXT:-kind-}") return ;;
  esac
  local answer
  if ! { : >/dev/tty; } 2>/dev/null; then
    echo "The context $context may be a cluster in use. To run the tests there, set E2E_CONTEXT=$context." >&2
    return 1
  fi
  echo "The tests deploy a policy that refuses requests of all namespaces to the context $context." >/dev/tty
  read -r -p "Enter the context's name to continue: " answer </dev/tty 2>/dev/tty
  [ "$answer" = "$context" ] || { echo "The context $context is not used." >&2 && return 1; }
}

# Prints the policies in deploy/, enforcing, with this cluster's module and addresses.
policies() {
  cp -R "$BATS_TEST_DIRNAME/../deploy" "$BATS_FILE_TMPDIR/deploy"
  cat >"$BATS_FILE_TMPDIR/kustomization.yaml" <<YAML
resources: [deploy]
components: [deploy/cluster]
labels: [{pairs: $labels}]
patches:
  - target: {kind: ClusterAdmissionPolicy}
    patch: |
      apiVersion: policies.kubewarden.io/v1
      kind: ClusterAdmissionPolicy
      metadata: {name: each}
      spec:
        module: $E2E_MODULE
        mode: protect
        settings: {podIP: {cidrs: [10.250.0.0/16]}}
YAML
  kubectl kustomize "$BATS_FILE_TMPDIR"
}

# Prints the namespaces, and what the users may do.
access() {
  cat <<YAML
apiVersion: v1
kind: Namespace
metadata: {name: $namespace, labels: $labels}
---
apiVersion: v1
kind: Namespace
metadata: {name: $shadow_namespace, labels: $labels}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: user, namespace: $namespace}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: operator, namespace: $namespace}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: edit, namespace: $namespace}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: edit}
subjects:
  - {kind: ServiceAccount, name: user, namespace: $namespace}
  - {kind: ServiceAccount, name: operator, namespace: $namespace}
  - {kind: ServiceAccount, name: e2e, namespace: interlink}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: edit, namespace: $shadow_namespace}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: edit}
subjects: [{kind: ServiceAccount, name: e2e, namespace: interlink}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: interlink-annotations-e2e, labels: $labels}
rules:
  - apiGroups: [""]
    resources: [nodes, pods/status, pods/binding, pods/ephemeralcontainers, pods/resize, bindings]
    verbs: [get, create, update, patch]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: interlink-annotations-e2e, labels: $labels}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: interlink-annotations-e2e}
subjects:
  - {kind: ServiceAccount, name: operator, namespace: $namespace}
  - {kind: ServiceAccount, name: e2e, namespace: interlink}
YAML
}

# Copies the webhook of the first policy, for pods with the label interlink-e2e: outage, to an address where nothing
# answers.
add_broken_webhook() {
  local name
  name=$(kubectl get validatingwebhookconfigurations --output name | grep '[.-]interlink-annotations$')
  kubectl get "$name" --output json | kubectl patch --local --filename - --output json --type json --patch '[
    {"op": "replace", "path": "/metadata", "value":
      {"name": "interlink-annotations-e2e", "labels": '"$labels"'}},
    {"op": "replace", "path": "/webhooks/0/clientConfig", "value": {"url": "https://127.0.0.1:1"}},
    {"op": "replace", "path": "/webhooks/0/objectSelector", "value": {"matchLabels": {"interlink-e2e": "outage"}}}
  ]' | kubectl create --filename -
}

# Removes what an earlier run or this one created.
cleanup() {
  kubectl delete clusteradmissionpolicies --selector "$label" --timeout 2m
  kubectl delete validatingwebhookconfigurations,clusterroles,clusterrolebindings --selector "$label"
  for pod in old outage; do
    kubectl patch pod "$pod" --namespace "$namespace" --type merge --patch '{"metadata": {"finalizers": null}}' || true
  done
  kubectl delete namespaces --selector "$label" --timeout 5m
}
