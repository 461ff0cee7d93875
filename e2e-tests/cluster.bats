#!/usr/bin/env bats
# Runs the policy in a cluster with Kubewarden: `make e2e-cluster`. CONTRIBUTING.md says what it needs.
# shellcheck disable=SC2154 # cluster.bash sets variables.

load cluster

kinds=(CronJob DaemonSet Deployment Job ReplicaSet ReplicationController StatefulSet)

setup_file() {
  confirm_context
  : "${E2E_MODULE:?must be the address from which the policy server can pull the module}"
  policies >"$BATS_FILE_TMPDIR/policies.yaml"
  cleanup
  if kubectl get --filename "$BATS_FILE_TMPDIR/policies.yaml" --ignore-not-found --output name | grep .; then
    echo "These objects exist already: delete them first, to run the tests." >&2
    return 1
  fi
  touch "$BATS_FILE_TMPDIR/started"
  access | kubectl create --filename -
  eventually 30 kubectl get serviceaccount default --namespace "$namespace"

  # Older than the policy.
  pod old 'interlink.eu/pod-vpn: "false"' 'finalizers: [example.org/e2e]' | user create --filename -
  for kind in "${kinds[@]}"; do
    workload "$kind" old 'interlink.eu/pod-vpn: "false"' | user create --filename -
  done
  pod forged 'JobID: "1"' | user create --filename -
  pod offloaded '' | user create --filename -
  interlink annotate pod offloaded JobID=1 --field-manager vk

  kubectl create --filename "$BATS_FILE_TMPDIR/policies.yaml"
  kubectl wait clusteradmissionpolicies --selector "$label" --for condition=PolicyActive --timeout 5m
  # The API server needs a moment to notice the webhooks. If it takes longer, the tests show it.
  eventually 30 denied job-id user create --dry-run=server --filename "$examples/bad/forged-job.yaml" || true
  # Its next Job is due within a minute.
  user patch cronjob old --patch '{"spec": {"suspend": false}}'
}

teardown_file() {
  [ ! -e "$BATS_FILE_TMPDIR/started" ] || cleanup
}

# Pods

@test "accepts the good examples" {
  for example in "$examples"/good/*.yaml; do
    # The cluster may not have this kind.
    [ "${example##*/}" != jobset.yaml ] || continue
    accepted user create --dry-run=server --filename "$example"
  done
}

@test "rejects the bad examples, also in a dry run" {
  for example in forged-job:job-id forged-template:job-id mistyped:wstunnel-timeout \
    script-injection:managed-annotations stolen-address:pod-ip shared-address:pod-ip-conflict \
    long-wait:wstunnel-timeout; do
    denied "${example#*:}" user create --filename "$examples/bad/${example%:*}.yaml"
    denied "${example#*:}" user create --dry-run=server --filename "$examples/bad/${example%:*}.yaml"
  done
}

@test "rejects a server-side apply, and names the user" {
  pod applied 'JobID: "1"' >"$BATS_TEST_TMPDIR/pod.yaml"
  denied job-id user apply --server-side --filename "$BATS_TEST_TMPDIR/pod.yaml"
  [[ "$output" == *"$namespace:user"* ]]
}

@test "warns, and accepts" {
  pod warned 'interlink.eu/mesh-network: "off"' | warned mesh-network user create --filename -
}

@test "lets a user change and delete a pod" {
  pod mine 'interlink.eu/pod-vpn: "true"' | accepted user create --filename -
  accepted user annotate pod mine example.org/note=text
  accepted user label pod mine example.org/label=text
  denied pod-vpn user annotate --overwrite pod mine interlink.eu/pod-vpn=yes
  denied job-id user annotate pod mine JobID=1
  accepted user delete pod mine
}

@test "rejects the address of another pod in the cluster" {
  pod first 'interlink.eu/pod-ip: 10.250.1.50' | accepted user create --filename -
  # The policy server watches pods from the first comparison on, and needs a moment to see the new one.
  pod second 'interlink.eu/pod-ip: 10.250.1.50' >"$BATS_TEST_TMPDIR/second.yaml"
  eventually 20 denied pod-ip-conflict user create --dry-run=server --filename "$BATS_TEST_TMPDIR/second.yaml"
  pod second 'interlink.eu/pod-ip: 10.250.1.51' | accepted user create --filename -
}

# Controllers

@test "rejects templates of all kinds, and names the field" {
  for kind in "${kinds[@]}"; do
    workload "$kind" new 'JobID: "1"' >"$BATS_TEST_TMPDIR/workload.yaml"
    denied job-id user create --filename "$BATS_TEST_TMPDIR/workload.yaml"
    [[ "$output" == *"template.metadata.annotations[JobID]"* ]]
    workload "$kind" new 'interlink.eu/pod-vpn: "true"' | accepted user create --dry-run=server --filename -
  done
}

@test "rejects the pods of templates that are older than the policy" {
  accepted user scale deployment old --replicas 1
  accepted user scale replicaset old --replicas 1
  accepted user scale replicationcontroller old --replicas 1
  accepted user scale statefulset old --replicas 1
  accepted user patch job old --patch '{"spec": {"suspend": false}}'
  pods_denied ReplicaSet 'old-[a-z0-9]*' pod-vpn
  pods_denied ReplicaSet old pod-vpn
  pods_denied ReplicationController old pod-vpn
  pods_denied StatefulSet old pod-vpn
  pods_denied Job old pod-vpn
}

@test "warns if an updated template keeps an old violation" {
  warned pod-vpn user set image deployment old main=example.org/other
  warned pod-vpn user patch daemonset old --type json \
    --patch '[{"op": "remove", "path": "/spec/template/spec/nodeSelector"}]'
  pods_denied DaemonSet old pod-vpn
}

@test "rejects the Jobs of a CronJob that is older than the policy" {
  denied pod-vpn user create job manual --from cronjob/old
  eventually 90 has_event CronJob old 'denied the request: pod-vpn: '
}

# Updates of a pod that is older than the policy

@test "accepts updates that do not make an old pod worse" {
  accepted user annotate pod old example.org/note=text
  accepted user label pod old example.org/label=text
}

@test "rejects another bad value, and accepts a good one, on an old pod" {
  denied pod-vpn user annotate --overwrite pod old interlink.eu/pod-vpn=no
  accepted user annotate --overwrite --dry-run=server pod old interlink.eu/pod-vpn=true
}

@test "lets an old pod be deleted, and its finalizer be removed" {
  accepted user delete pod old --wait=false
  accepted user patch pod old --type json --patch '[{"op": "remove", "path": "/metadata/finalizers"}]'
  eventually 20 gone pod/old
}

# interLink

@test "lets only interLink write what it manages" {
  pod job 'interlink.eu/pod-vpn: "true"' | accepted user create --filename -
  accepted interlink patch pod job --subresource status --patch '{"metadata": {"annotations": {"JobID": "1"}}}'
  accepted interlink annotate pod job interlink.eu/wstunnel-client-commands='curl example.org'
  [ "$(annotation pod/job JobID)" = 1 ]
  denied job-id user annotate --overwrite pod job JobID=2
  denied job-id user annotate pod job JobID-
  denied managed-annotations user annotate pod job interlink.eu/wstunnel-client-commands-
  accepted user label pod job example.org/label=text
  [ "$(annotation pod/job JobID)" = 1 ]
}

@test "lets the controllers create the pods of a tunnel in the shadow namespace only" {
  workload Deployment tunnel 'interlink.eu/wstunnel-path-prefix: secret' >"$BATS_TEST_TMPDIR/tunnel.yaml"
  denied managed-annotations user create --filename "$BATS_TEST_TMPDIR/tunnel.yaml"
  for there in "$shadow_namespace" "$namespace"; do
    accepted interlink create --namespace "$there" --filename "$BATS_TEST_TMPDIR/tunnel.yaml"
    accepted interlink scale deployment tunnel --namespace "$there" --replicas 1
  done
  eventually 60 has_pod "$shadow_namespace" tunnel
  eventually 60 has_event Deployment tunnel 'denied the request: managed-annotations: '
  run has_pod "$namespace" tunnel
  [ "$status" -ne 0 ]
}

# Subresources, with deploy/hardening.yaml

@test "rejects a JobID in a pod's status" {
  pod status '' | accepted user create --filename -
  denied job-id operator patch pod status --subresource status --patch '{"metadata": {"annotations": {"JobID": "1"}}}'
  accepted operator patch pod status --subresource status --patch '{"status": {"message": "text"}}'
}

@test "rejects a JobID in a Binding" {
  pod unbound '' | accepted user create --filename -
  for resource in pods/unbound/binding bindings; do
    local path="/api/v1/namespaces/$namespace/$resource?dryRun=All"
    binding '"JobID": "1"' | denied job-id operator create --raw "$path" --filename -
    binding '' | accepted operator create --raw "$path" --filename -
  done
}

@test "rejects interLink's annotation on a Node" {
  node=$(kubectl get nodes --output 'jsonpath={.items[0].metadata.name}')
  denied managed-annotations operator annotate --dry-run=server node "$node" \
    interlink.virtual-kubelet.io/ping-response=text
  accepted operator annotate --dry-run=server node "$node" example.org/note=text
}

@test "other subresources do not write a pod's annotations" {
  pod debugged '' | accepted user create --filename -
  local path=/api/v1/namespaces/$namespace/pods/debugged forged=$BATS_TEST_TMPDIR/forged.json
  for subresource in ephemeralcontainers resize; do
    operator get --raw "$path" | kubectl annotate --local --filename - --output json JobID=1 >"$forged"
    denied job-id operator replace --raw "$path" --filename "$forged"
    accepted operator replace --raw "$path/$subresource" --filename "$forged"
    run annotation pod/debugged JobID
    [ "$status" -eq 0 ]
    [ -z "$output" ]
  done
}

# Kubewarden

@test "updates of labels and finalizers do not depend on the policy server" {
  local outage='labels: {interlink-e2e: outage}'
  pod outage 'interlink.eu/pod-vpn: "true"' "$outage, finalizers: [example.org/e2e]" |
    accepted user create --filename -
  add_broken_webhook
  eventually 20 unanswered user annotate --dry-run=server pod outage example.org/note=text
  pod other 'interlink.eu/pod-vpn: "true"' "$outage" | unanswered user create --dry-run=server --filename -
  pod other 'example.org/note: text' "$outage" | accepted user create --dry-run=server --filename -
  accepted user label pod outage example.org/label=text
  accepted user delete pod outage --wait=false
  accepted user patch pod outage --type json --patch '[{"op": "remove", "path": "/metadata/finalizers"}]'
}

@test "an audit finds what is older than the policy" {
  local audit=${E2E_AUDIT:-$BATS_TEST_DIRNAME/../target/debug/interlink-audit}
  [ -x "$audit" ] || skip "needs interlink-audit: cargo build --package interlink-audit"
  run "$audit" audit --cluster --context "$context" --namespace "$namespace" \
    --policy "$BATS_FILE_TMPDIR/policies.yaml" --policy-name interlink-annotations
  echo "$output"
  [ "$status" -eq 1 ]
  [[ "$output" == *"refused (403)  Pod $namespace/forged "*"deny job-id"* ]]
  [[ "$output" == *"accepted       Pod $namespace/offloaded "* ]]
  for kind in "${kinds[@]}"; do
    [[ "$output" == *"refused (422)  $kind $namespace/old "*"deny pod-vpn"* ]]
  done
}
