//! A typical repository of manifests.

use std::path::Path;
use std::{fs, io};

const FILES: usize = 5_000;

/// One of this many files has an interLink annotation.
const INTERLINK: usize = 20;

/// The file with the number 0, which has an interLink annotation.
pub(crate) const FIRST_FILE: &str = "service-0.yaml";

/// Writes the files.
///
/// # Errors
/// If they cannot be written.
pub(crate) fn write(folder: &str) -> io::Result<()> {
    (0..FILES)
        .try_for_each(|number| fs::write(Path::new(folder).join(format!("service-{number}.yaml")), manifest(number)))
}

fn manifest(number: usize) -> String {
    let annotation = if number.is_multiple_of(INTERLINK) {
        "\n      annotations:\n        interlink.virtual-kubelet.io/wstunnel-timeout: 2m"
    } else {
        ""
    };
    format!(
        "apiVersion: apps/v1
kind: Deployment
metadata:
  name: service-{number}
  namespace: team-{team}
  labels: &labels
    app.kubernetes.io/name: service-{number}
    app.kubernetes.io/part-of: simulation
spec:
  replicas: 3
  selector:
    matchLabels: *labels
  template:
    metadata:
      labels: *labels{annotation}
    spec:
      containers:
        - name: service
          image: registry.example.org/team-{team}/service:v{number}
          ports:
            - {{name: http, containerPort: 8080}}
          resources:
            limits: {{cpu: 2, memory: 4Gi}}
            requests: {{cpu: 500m, memory: 1Gi}}
          # Restarts a service that no longer answers.
          livenessProbe:
            httpGet: {{path: /healthz, port: http}}
          volumeMounts:
            - name: data
              mountPath: /data
      volumes:
        - name: data
          emptyDir: {{}}
",
        team = number % 200,
    )
}
