#!/usr/bin/env bats
# The annotated module in kwctl, over the main cases. `make e2e` builds it first.

setup() {
  cd "$BATS_TEST_DIRNAME/.."
  settings='{"podIP": {"cidrs": ["10.244.0.0/16"]}}'
}

# Evaluates an AdmissionRequest; the answer is the last line of $output.
evaluate() {
  run kwctl run annotated-policy.wasm --request-path "$1" --settings-json "$settings"
  echo "$output"
  [ "$status" -eq 0 ]
}

# Evaluates the creation of a manifest.
create() {
  kwctl scaffold admission-request --operation CREATE --object "$1" >"$BATS_TEST_TMPDIR/request.json" 2>/dev/null
  evaluate "$BATS_TEST_TMPDIR/request.json"
}

accepted() {
  [[ "$output" == *'"allowed":true'* ]]
}

# Refused with this code, and with these rules in the audit annotation.
refused() {
  [[ "$output" == *'"allowed":false'* ]] && [[ "$output" == *"\"code\":$1"* ]] &&
    [[ "$output" == *"\"violations\":\"$2\""* ]]
}

@test "the metadata can be read" {
  run kwctl inspect annotated-policy.wasm
  [ "$status" -eq 0 ]
  [[ "$output" == *"interlink-annotations"* ]]
}

@test "Artifact Hub is told what kwctl makes of the metadata" {
  kwctl scaffold artifacthub --metadata-path policy-metadata.yml --questions-path questions-ui.yml \
    --output "$BATS_TEST_TMPDIR/package.yml"
  diff --ignore-matching-lines=^createdAt: "$BATS_TEST_TMPDIR/package.yml" artifacthub-pkg.yml
}

@test "the good examples are accepted" {
  for example in examples/good/*.yaml; do
    create "$example"
    accepted
  done
}

@test "a forged JobID is refused" {
  create examples/bad/forged-job.yaml
  refused 403 job-id
}

@test "commands for the job script are refused" {
  create examples/bad/script-injection.yaml
  refused 403 managed-annotations,pod-ip
}

@test "an address outside the range is refused" {
  create examples/bad/stolen-address.yaml
  refused 422 pod-ip
}

@test "VPN with a tunnel's timeout is refused" {
  create examples/bad/mistyped.yaml
  refused 422 pod-vpn,vpn-with-wstunnel,wstunnel-timeout
}

@test "a forged JobID in a Deployment's template is refused" {
  create examples/bad/forged-template.yaml
  refused 403 job-id
  [[ "$output" == *"spec.template.metadata.annotations[JobID]"* ]]
}

@test "what the audit scanner finds is named" {
  evaluate e2e-tests/requests/stored-forged-job-id.json
  refused 403 job-id
  [[ "$output" == *"by the field manager"*"kubectl-edit"* ]]
}

@test "interLink's own JobID on a stored pod is accepted" {
  evaluate e2e-tests/requests/stored-job-id.json
  accepted
}

@test "an update that adds a JobID is refused" {
  evaluate e2e-tests/requests/update-adds-job-id.json
  refused 403 job-id
}

@test "an update that leaves something wrong as it was is accepted" {
  evaluate e2e-tests/requests/update-keeps-wrong-vpn.json
  accepted
}

@test "interLink may set a JobID" {
  evaluate e2e-tests/requests/interlink-sets-job-id.json
  accepted
}

@test "a level turns a refusal into a warning" {
  settings='{"rules": {"job-id": "Warn"}}'
  create examples/bad/forged-job.yaml
  accepted
  [[ "$output" == *'"warnings":["job-id: '* ]]
}

@test "settings that contradict themselves are refused" {
  run kwctl run annotated-policy.wasm --request-path e2e-tests/requests/update-adds-job-id.json \
    --settings-json '{"wstunnelTimeout": {"min": "2h"}}'
  [ "$status" -ne 0 ]
  [[ "$output" == *"settings.wstunnelTimeout: allows nothing, since min 2h is longer than max 1h"* ]]
}
