//! `audit --cluster`, against a fake API server.

mod fake;

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use fake::{Answer, ApiServer, NO_ANSWER, Request, Step, list_text};

const PODS: &str = "/api/v1/pods";
const RAY_CLUSTERS: &str = "/apis/ray.io/v1/rayclusters";

/// The outcome of a run.
struct Run {
    code: i32,
    report: Value,
    errors: String,
}

impl Run {
    /// Returns where the objects in the report were found.
    fn places(&self) -> Vec<String> {
        let results = self.report["results"].as_array().unwrap().iter();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        results
            .map(|result| format!("{} {} {}", text(&result["file"]), text(&result["item"]), text(&result["name"])))
            .collect()
    }

    /// Returns the problems in the report.
    fn problems(&self) -> Vec<String> {
        let problems = self.report["problems"].as_array().unwrap().iter();
        problems
            .map(|problem| format!("{}: {}", problem["file"].as_str().unwrap(), problem["message"].as_str().unwrap()))
            .collect()
    }
}

/// Audits the cluster of a server, whose context is named `test`.
fn audit(server: &ApiServer, arguments: &[&str]) -> Run {
    audit_trusting(server, server.certificate.as_deref(), arguments)
}

/// Audits the cluster of a server whose certificate must be this one.
fn audit_trusting(server: &ApiServer, certificate: Option<&str>, arguments: &[&str]) -> Run {
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = folder.path().join("config");
    let scheme = if server.certificate.is_some() { "https" } else { "http" };
    let server = format!("{scheme}://127.0.0.1:{}", server.port);
    if let Some(certificate) = certificate {
        fs::write(folder.path().join("ca.pem"), certificate).unwrap();
    }
    let authority = certificate.map(|_| "ca.pem");
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "clusters": [{"name": "c", "cluster": {"server": server, "certificate-authority": authority}}],
        "users": [{"name": "u", "user": {"token": "secret"}}],
        "contexts": [{"name": "test", "context": {"cluster": "c", "user": "u", "namespace": "ignored"}}],
    });
    fs::write(&kubeconfig, config.to_string()).unwrap();
    audit_with(&["--kubeconfig", kubeconfig.to_str().unwrap()], arguments)
}

fn audit_with(connection: &[&str], arguments: &[&str]) -> Run {
    let output = Command::new(env!("CARGO_BIN_EXE_interlink-audit"))
        .args(["audit", "--cluster", "--format", "json"])
        .args(connection)
        .args(arguments)
        .env_remove("KUBECONFIG")
        .env_remove("KUBERNETES_SERVICE_HOST")
        .env("HOME", "/nowhere")
        // A server on this machine is never asked through a proxy.
        .env("HTTP_PROXY", "http://127.0.0.1:1")
        .env("HTTPS_PROXY", "http://127.0.0.1:1")
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let report = text(output.stdout);
    let report = if report.is_empty() { Value::Null } else { serde_json::from_str(&report).unwrap() };
    Run { code: output.status.code().unwrap(), report, errors: text(output.stderr) }
}

/// Returns a stored pod with a `JobID` that somebody other than interLink wrote.
fn forged(name: &str) -> Value {
    let fields = json!({"f:metadata": {"f:annotations": {"f:JobID": {}}}});
    json!({"metadata": {"name": name, "namespace": "n", "uid": "5", "resourceVersion": "7",
        "annotations": {"JobID": "1"},
        "managedFields": [{"manager": "kubectl-edit", "operation": "Update", "fieldsType": "FieldsV1", "fieldsV1": fields}]}})
}

fn pod_template(name: &str) -> Value {
    json!({"metadata": {"name": name, "namespace": "n", "uid": "5", "resourceVersion": "7"}, "template": forged("")})
}

/// Returns whether a request is for this page of a list; without a token, for its first page.
fn asks_for(request: &Request, path: &str, token: &str) -> bool {
    let is_first = !request.query.contains("continue=");
    let is_page = if token.is_empty() { is_first } else { request.query.ends_with(&format!("continue={token}")) };
    request.path == path && is_page
}

#[test]
fn lists_every_kind_with_get_requests_only() {
    let server = ApiServer::start(|request| match request.path.as_str() {
        PODS => Some(Answer::list("Pod", "v1", "", &[forged("a")])),
        "/api/v1/nodes" => Some(Answer::list("Node", "v1", "", &[json!({"metadata": {"name": "node"}})])),
        _ => None,
    });
    let run = audit(&server, &["--resource", "ray.io/v1/rayclusters", "--resource", "v1/pods"]);
    assert_eq!((run.code, run.errors.as_str()), (1, ""));
    assert_eq!(run.places(), ["test pods items[0] a"]);
    let result = &run.report["results"][0];
    assert_eq!(
        (&result["verdict"], &result["kind"], &result["evaluatedAs"]),
        (&json!("Refused"), &json!("Pod"), &json!("stored"))
    );
    assert_eq!(result["line"], Value::Null);
    assert_eq!(run.report["summary"]["withoutAnnotations"], 1);
    let requests = server.requests();
    for request in &requests {
        assert_eq!((request.method.as_str(), request.query.as_str()), ("GET", "&limit=500"));
        assert_eq!(request.headers["authorization"], "Bearer secret");
        assert_eq!(request.headers["accept"], "application/json");
    }
    let paths: Vec<_> = requests.iter().map(|request| request.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "/api/v1/nodes",
            PODS,
            "/apis/apps/v1/replicasets",
            "/apis/apps/v1/deployments",
            "/apis/apps/v1/statefulsets",
            "/apis/apps/v1/daemonsets",
            "/apis/batch/v1/jobs",
            "/apis/batch/v1/cronjobs",
            "/api/v1/replicationcontrollers",
            "/api/v1/podtemplates",
            RAY_CLUSTERS,
        ]
    );
}

#[test]
fn compares_the_objects_of_a_cluster() {
    let node = json!({"metadata": {"name": "hpc", "uid": "1", "resourceVersion": "7",
        "labels": {"virtual-node.interlink/type": "virtual-kubelet"}}});
    let pod = json!({"metadata": {"name": "a", "namespace": "n", "uid": "2", "resourceVersion": "7"},
        "spec": {"nodeName": "hpc"}, "status": {"phase": "Running"}});
    let server = ApiServer::start(move |request| match request.path.as_str() {
        PODS => Some(Answer::list("Pod", "v1", "", std::slice::from_ref(&pod))),
        "/api/v1/nodes" => Some(Answer::list("Node", "v1", "", std::slice::from_ref(&node))),
        _ => None,
    });
    let run = audit(&server, &["--fail-on", "warn"]);
    assert_eq!((run.code, run.places()), (1, vec!["test pods items[0] a".to_owned()]));
    let finding = &run.report["results"][0]["findings"][0];
    assert_eq!((&finding["rule"], &finding["line"]), (&json!("job-not-tracked"), &Value::Null));
}

#[test]
fn reads_all_pages_of_a_list() {
    let server = ApiServer::start(|request| {
        let page = |token, names: &[&str]| {
            let items: Vec<_> = names.iter().map(|name| forged(name)).collect();
            Some(Answer::list("Pod", "v1", token, &items))
        };
        match () {
            () if asks_for(request, PODS, "") => page("a+/=&", &["a", "b"]),
            () if asks_for(request, PODS, "a%2B%2F%3D%26") => page("2", &["c"]),
            () if asks_for(request, PODS, "2") => page("", &["d"]),
            () => None,
        }
    });
    let run = audit(&server, &[]);
    let expected = ["test pods items[0] a", "test pods items[1] b", "test pods items[2] c", "test pods items[3] d"];
    assert_eq!((run.places(), run.problems()), (expected.map(str::to_owned).to_vec(), Vec::new()));
}

/// The API server writes the fields of such a list in alphabetical order.
#[test]
fn reads_all_pages_of_custom_resources() {
    let server = ApiServer::start(|request| {
        let page = |token: &str, name: &str| {
            let mut object = forged(name);
            object["kind"] = json!("RayCluster");
            object["apiVersion"] = json!("ray.io/v1");
            object["spec"] =
                json!({"template": {"metadata": {"annotations": {"JobID": "1"}}, "spec": {"containers": []}}});
            let metadata = json!({"continue": token, "resourceVersion": "9"});
            Some(Answer::new(
                200,
                format!(
                    r#"{{"apiVersion":"ray.io/v1","items":[{object}],"kind":"RayClusterList","metadata":{metadata}}}"#
                ),
            ))
        };
        match () {
            () if asks_for(request, RAY_CLUSTERS, "") => page("next", "a"),
            () if asks_for(request, RAY_CLUSTERS, "next") => page("", "b"),
            () => None,
        }
    });
    let run = audit(&server, &["--resource", "ray.io/v1/rayclusters"]);
    assert_eq!(run.places(), ["test rayclusters.ray.io items[0] a", "test rayclusters.ray.io items[1] b"]);
    assert_eq!(run.problems(), Vec::<String>::new());
}

#[test]
fn requests_a_page_while_the_one_before_arrives() {
    let server = ApiServer::start(|request| {
        let plain = json!({"metadata": {"name": "x".repeat(200)}});
        let first = list_text("Pod", "v1", "next", &vec![plain; 10_000]);
        match () {
            () if asks_for(request, PODS, "") => {
                let (start, end) = first.split_at(first.len() - 100);
                let steps =
                    vec![Step::Send(start.to_owned()), Step::WaitFor("continue=next"), Step::Send(end.to_owned())];
                Some(Answer::steps(200, steps))
            }
            () if asks_for(request, PODS, "next") => Some(Answer::list("Pod", "v1", "", &[forged("last")])),
            () => None,
        }
    });
    let run = audit(&server, &[]);
    assert_eq!(run.places(), ["test pods items[10000] last"]);
    assert_eq!(run.report["summary"]["withoutAnnotations"], 10_000);
}

/// Standard error is no terminal, so that it does not show how far a long run is.
#[test]
fn waits_for_a_slow_page() {
    let server = ApiServer::start(|request| {
        let text = list_text("Pod", "v1", "", &[forged("a"), forged("b")]);
        let parts = text.as_bytes().chunks(50).map(|part| Step::Send(String::from_utf8(part.to_vec()).unwrap()));
        let steps = parts.flat_map(|part| [Step::Pause(Duration::from_millis(100)), part]).collect();
        (request.path == PODS).then(|| Answer::steps(200, steps))
    });
    let run = audit(&server, &[]);
    assert_eq!(run.places(), ["test pods items[0] a", "test pods items[1] b"]);
    assert_eq!(run.errors, "");
}

#[test]
fn reports_a_kind_that_is_forbidden_and_audits_the_others() {
    let message = "jobs.batch is forbidden: User \"jane\" cannot list resource \"jobs\" in API group \"batch\" at the \
                   cluster scope";
    let server = ApiServer::start(move |request| match request.path.as_str() {
        "/apis/batch/v1/jobs" => Some(Answer::error(403, message)),
        RAY_CLUSTERS => Some(Answer::new(404, "404 page not found")),
        "/api/v1/podtemplates" => Some(Answer::list("PodTemplate", "v1", "", &[pod_template("t")])),
        _ => None,
    });
    let run = audit(&server, &["--resource", "ray.io/v1/rayclusters"]);
    assert_eq!(
        run.problems(),
        [
            format!(
                "test jobs.batch: are not audited, since the permission to list them is missing: {message}; grant the verb \
                 list on jobs.batch"
            ),
            "test rayclusters.ray.io: do not exist in this cluster, or are not namespaced".to_owned(),
        ]
    );
    assert!(run.errors.starts_with("error: test jobs.batch: are not audited"), "{}", run.errors);
    assert_eq!((run.code, run.places()), (2, vec!["test podtemplates items[0] t".to_owned()]));
}

#[test]
fn continues_an_expired_list_where_the_server_allows_it() {
    let expired = |token: &str| {
        let metadata = json!({"continue": token});
        let status = json!({"kind": "Status", "metadata": metadata, "reason": "Expired", "code": 410});
        Some(Answer::new(410, status.to_string()))
    };
    let start = |continues: bool| {
        ApiServer::start(move |request| match () {
            () if asks_for(request, PODS, "") => Some(Answer::list("Pod", "v1", "old", &[forged("a")])),
            () if asks_for(request, PODS, "old") => expired(if continues { "new" } else { "" }),
            () if asks_for(request, PODS, "new") => Some(Answer::list("Pod", "v1", "newer", &[forged("b")])),
            () if asks_for(request, PODS, "newer") => Some(Answer::list("Pod", "v1", "", &[forged("c")])),
            () => None,
        })
    };
    let run = audit(&start(true), &[]);
    assert_eq!(run.places(), ["test pods items[0] a", "test pods items[1] b", "test pods items[2] c"]);
    assert_eq!(run.problems(), Vec::<String>::new());
    let in_part =
        "test pods: are audited only in part, since the API server no longer has the list's next page; run it again";
    let run = audit(&start(false), &[]);
    assert_eq!((run.places().len(), run.problems()), (1, vec![in_part.to_owned()]));
    let always = ApiServer::start(move |request| (request.path == PODS).then(|| expired("again")).flatten());
    assert_eq!(audit(&always, &[]).problems(), [in_part]);
    assert_eq!(always.requests().iter().filter(|request| request.path == PODS).count(), 2);
}

#[test]
fn reports_a_connection_that_is_lost_and_audits_what_it_has() {
    let server = ApiServer::start(|request| match request.path.as_str() {
        PODS => {
            let text = list_text("Pod", "v1", "", &[forged("a"), forged("b")]);
            Some(Answer::new(200, &text[..text.len() - 100]).cut())
        }
        "/apis/batch/v1/jobs" => Some(Answer::new(NO_ANSWER, "")),
        "/api/v1/podtemplates" => Some(Answer::list("PodTemplate", "v1", "", &[pod_template("t")])),
        _ => None,
    });
    let run = audit(&server, &[]);
    assert_eq!(run.places(), ["test pods items[0] a", "test podtemplates items[0] t"]);
    let problems = run.problems();
    assert!(problems.len() == 2 && problems[0].starts_with("test pods: cannot be read: "), "{problems:?}");
    assert_eq!(problems[1], "test jobs.batch: cannot be read: connection closed before message completed");
}

#[test]
fn asks_for_a_namespace_and_labels() {
    let server = ApiServer::start(|_| None);
    let run = audit(&server, &["-n", "physics", "-l", "app in (a, b),!c", "--resource", "ray.io/v1/rayclusters"]);
    assert_eq!(run.code, 0, "{}", run.errors);
    let requests = server.requests();
    let paths: BTreeSet<_> = requests.iter().map(|request| request.path.as_str()).collect();
    assert_eq!(paths.len(), 10, "no nodes");
    assert!(paths.contains("/api/v1/namespaces/physics/pods"));
    assert!(paths.contains("/apis/ray.io/v1/namespaces/physics/rayclusters"));
    let query = "&labelSelector=app+in+%28a%2C+b%29%2C%21c&limit=500";
    assert!(requests.iter().all(|request| request.query == query && request.path.contains("/namespaces/physics/")));
    let all = ApiServer::start(|_| None);
    audit(&all, &["-A", "-n", "physics"]);
    assert!(all.requests().iter().all(|request| !request.path.contains("namespaces")));
}

#[test]
fn sends_the_token_to_no_other_server() {
    let other = ApiServer::start(|_| None);
    let location = format!("http://127.0.0.1:{}/api/v1/pods", other.port);
    let server = ApiServer::start(move |_| Some(Answer::redirect(&location)));
    let run = audit(&server, &[]);
    assert!(
        run.problems().iter().all(|problem| problem.contains("the API server answered 307")),
        "{:?}",
        run.problems()
    );
    assert_eq!((other.requests().len(), run.code), (0, 2));
}

#[test]
fn sends_the_token_only_to_a_server_with_the_right_certificate() {
    let server =
        ApiServer::start_tls(|request| (request.path == PODS).then(|| Answer::list("Pod", "v1", "", &[forged("a")])));
    assert_eq!(audit(&server, &[]).places(), ["test pods items[0] a"]);
    let imposter = ApiServer::start_tls(|_| None);
    let run = audit_trusting(&imposter, server.certificate.as_deref(), &[]);
    let problems = run.problems();
    assert!(problems.len() == 1 && problems[0].contains("invalid peer certificate"), "{problems:?}");
    assert_eq!((imposter.requests().len(), run.code), (0, 2));
}

#[test]
fn ends_at_an_error_that_every_list_would_have() {
    for (code, expected) in [
        (401, "test nodes: cannot be read, since the API server does not accept the credentials: no; log in again"),
        (400, "test nodes: cannot be read: the API server answered 400, no"),
    ] {
        let server = ApiServer::start(move |_| Some(Answer::error(code, "no")));
        let run = audit(&server, &[]);
        assert_eq!((run.problems(), server.requests().len()), (vec![expected.to_owned()], 1));
    }
    let mut gone = ApiServer::start(|_| None);
    gone.port = 1;
    let problems = audit(&gone, &[]).problems();
    assert!(problems.len() == 1 && problems[0].contains("onnection refused"), "{problems:?}");
}

#[test]
fn reports_an_answer_that_is_no_list() {
    for body in ["", "{}", r#"{"kind":"Pod","apiVersion":"v1","metadata":{"name":"a"}}"#] {
        let server = ApiServer::start(move |request| (request.path == PODS).then(|| Answer::new(200, body)));
        let expected =
            "test pods: cannot be read: the answer is not a list of objects; check the server in the kubeconfig";
        assert_eq!(audit(&server, &[]).problems(), [expected], "{body}");
    }
    let html = ApiServer::start(|request| (request.path == PODS).then(|| Answer::new(200, "<html>")));
    assert!(audit(&html, &[]).problems()[0].contains("is not valid JSON"));
}

#[test]
fn reports_what_is_wrong_with_the_connection() {
    let folder = tempfile::tempdir().unwrap();
    let file = |text: &str| {
        let file = folder.path().join("config");
        fs::write(&file, text).unwrap();
        file.to_str().unwrap().to_owned()
    };
    let config = "{current-context: a, contexts: [{name: a, context: {cluster: c}}], clusters: []}";
    for (text, arguments, expected) in [
        (config, &[][..], "failed to load the cluster of context: c"),
        (config, &["--context", "b"], "failed to load current context: b"),
        ("{}", &[], "failed to determine current context"),
        ("a: [", &[], "failed to parse kubeconfig YAML"),
    ] {
        let run = audit_with(&["--kubeconfig", &file(text)], arguments);
        assert!(run.errors.contains(expected), "{}", run.errors);
        assert_eq!((run.code, run.report), (2, Value::Null));
    }
    let run = audit_with(&[], &[]);
    assert!(run.errors.ends_with("; name a kubeconfig with --kubeconfig or KUBECONFIG\n"), "{}", run.errors);
    assert!(!run.errors.contains(['"', '\'']), "{}", run.errors);
}

#[test]
fn rejects_flags_for_a_cluster_without_one() {
    for flag in [
        &["-n", "a"][..],
        &["--context", "a"],
        &["-l", "a"],
        &["-A"],
        &["--resource", "ray.io/v1/rayclusters"],
        &["--kubeconfig", "a"],
    ] {
        let command = Command::new(env!("CARGO_BIN_EXE_interlink-audit")).args(["audit", "c.json"]).args(flag).output();
        let output = command.unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(errors.contains("required arguments were not provided:\n  --cluster\n"), "{errors}");
    }
}

#[test]
fn rejects_arguments_that_do_not_belong_together() {
    for arguments in [&["pods.json"][..], &["--exclude", "a"], &["--resource", "pods"], &["-n", "../kube-system"]] {
        let run = audit_with(&[], arguments);
        assert_eq!((run.code, run.report), (2, Value::Null), "{arguments:?}");
        assert!(
            ["cannot be used with", "cannot be combined"].iter().any(|text| run.errors.contains(text))
                || run.errors.contains("invalid value"),
            "{}",
            run.errors
        );
    }
}
