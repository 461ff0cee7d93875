#!/usr/bin/env bats
# Runs the annotated module in kwctl. `make e2e` builds it first.

setup() {
  cd "$BATS_TEST_DIRNAME/.."
  settings='{"podIP": {"cidrs": ["10.250.0.0/16"]}}'
}

# Evaluates an AdmissionRequest. The response is the last line of $output.
evaluate() {
  run kwctl run annotated-policy.wasm --request-path "$1" --settings-json "$settings"
  echo "$output"
  [ "$status" -eq 0 ]
}

# Evaluates the CREATE of a manifest.
create() {
  kwctl scaffold admission-request --operation CREATE --object "$1" >"$BATS_TEST_TMPDIR/request.json" 2>/dev/null
  evaluate "$BATS_TEST_TMPDIR/request.json"
}

accepted() {
  [[ "$output" == *'"allowed":true'* ]]
}

# refused CODE RULES: checks the code, and the rule ids in the audit annotation.
refused() {
  [[ "$output" == *'"allowed":false'* ]] && [[ "$output" == *"\"code\":$1"* ]] &&
    [[ "$output" == *"\"violations\":\"$2\""* ]]
}

@test "the module has readable metadata" {
  run kwctl inspect annotated-policy.wasm
  [ "$status" -eq 0 ]
  [[ "$output" == *"interlink-annotations"* ]]
}

@test "artifacthub-pkg.yml is up to date" {
  kwctl scaffold artifacthub --metadata-path policy-metadata.yml --questions-path questions-ui.yml \
    --output "$BATS_TEST_TMPDIR/package.yml"
  diff --ignore-matching-lines=^createdAt: "$BATS_TEST_TMPDIR/package.yml" artifacthub-pkg.yml
}

@test "accepts the good examples" {
  for example in examples/good/*.yaml; do
    create "$example"
    accepted
  done
}

@test "rejects a forged JobID" {
  create examples/bad/forged-job.yaml
  refused 403 job-id
}

@test "rejects commands for the job script" {
  create examples/bad/script-injection.yaml
  refused 403 managed-annotations,pod-ip
}

@test "rejects an address outside the range" {
  create examples/bad/stolen-address.yaml
  refused 422 pod-ip
}

@test "rejects a timeout together with the VPN" {
  create examples/bad/mistyped.yaml
  refused 422 pod-vpn,vpn-with-wstunnel,wstunnel-timeout
}

@test "rejects a forged JobID in a Deployment's template" {
  create examples/bad/forged-template.yaml
  refused 403 job-id
  [[ "$output" == *"spec.template.metadata.annotations[JobID]"* ]]
}

@test "rejects an audit request for a forged JobID, and names the field manager" {
  evaluate e2e-tests/requests/stored-forged-job-id.json
  refused 403 job-id
  [[ "$output" == *"by the field manager"*"kubectl-edit"* ]]
}

@test "accepts an audit request for a JobID that interLink set" {
  evaluate e2e-tests/requests/stored-job-id.json
  accepted
}

@test "rejects an update that adds a JobID" {
  evaluate e2e-tests/requests/update-adds-job-id.json
  refused 403 job-id
}

@test "accepts an update that keeps an old violation" {
  evaluate e2e-tests/requests/update-keeps-wrong-vpn.json
  accepted
}

@test "accepts a JobID from interLink" {
  evaluate e2e-tests/requests/interlink-sets-job-id.json
  accepted
}

@test "warns about a forged JobID at level Warn" {
  settings='{"rules": {"job-id": "Warn"}}'
  create examples/bad/forged-job.yaml
  accepted
  [[ "$output" == *'"warnings":["job-id: '* ]]
}

# replay FILE: evaluates a request for an address in a recorded cluster.
replay() {
  local allow=(--allow-context-aware)
  if kwctl run --help | grep --quiet allowed-host-capabilities; then
    allow+=(--allowed-host-capabilities kubernetes/list_resources_all)
  fi
  settings='{"podIP": {"cidrs": ["10.250.0.0/16"]}, "cluster": {"podIPRanges": true, "podIPConflicts": true}}'
  run kwctl run annotated-policy.wasm --request-path e2e-tests/requests/create-with-address.json \
    --settings-json "$settings" "${allow[@]}" --replay-host-capabilities-interactions "e2e-tests/interactions/$1"
  echo "$output"
  [ "$status" -eq 0 ]
}

@test "rejects the address of another pod in the cluster" {
  replay other-pods.yaml
  refused 422 pod-ip-conflict
}

@test "warns if the cluster cannot be read" {
  replay denied.yaml
  accepted
  [[ "$output" == *"ask an administrator to let the policy read Nodes"* ]]
  [[ "$output" == *"ask an administrator to let the policy read Pods"* ]]
}

@test "rejects contradictory settings" {
  run kwctl run annotated-policy.wasm --request-path e2e-tests/requests/update-adds-job-id.json \
    --settings-json '{"wstunnelTimeout": {"min": "2h"}}'
  [ "$status" -ne 0 ]
  [[ "$output" == *"settings.wstunnelTimeout: allows no value, since min 2h is greater than max 10m"* ]]
}
