//! The connection to a cluster, from a kubeconfig or from inside the cluster.

use std::path::PathBuf;
use std::{env, io};

use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};
use tokio::runtime::{self, Runtime};

use super::{ConnectionError, Objects, Selection};
use crate::document::{Origin, Problem};
use crate::tls::{install_provider, is_loopback};

/// The name of the context when the command runs inside a cluster.
const IN_CLUSTER: &str = "cluster";

/// How to find the cluster, as for `kubectl`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConnectionOptions {
    /// The kubeconfig; `None` for that of `KUBECONFIG`, `~/.kube/config`, or the service account of the pod.
    pub kubeconfig: Option<PathBuf>,
    /// The context; `None` for the current one.
    pub context: Option<String>,
}

/// A cluster whose objects can be read.
pub struct Cluster {
    pub(super) context: String,
    pub(super) client: Client,
    pub(super) runtime: Runtime,
}

impl Cluster {
    /// Prepares the connection. Sends nothing.
    ///
    /// # Errors
    /// If no cluster is configured, or something in the configuration cannot be used.
    pub fn new(options: &ConnectionOptions) -> Result<Self, Problem> {
        let origin = match &options.kubeconfig {
            Some(file) => Origin::path(file),
            None => Origin::file("the cluster"),
        };
        Self::connect(options).map_err(|error| origin.problem(error))
    }

    fn connect(options: &ConnectionOptions) -> Result<Self, ConnectionError> {
        install_provider();
        let runtime = runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(ConnectionError::Runtime)?;
        let (context, config) = runtime.block_on(configuration(options))?;
        let client = {
            let _guard = runtime.enter();
            Client::try_from(config).map_err(ConnectionError::Client)?
        };
        Ok(Self { context, client, runtime })
    }

    /// Reads objects, kind by kind.
    pub fn read(self, selection: Selection) -> Objects {
        Objects::new(self, selection)
    }
}

/// Returns the name of the context, and its configuration.
async fn configuration(options: &ConnectionOptions) -> Result<(String, Config), ConnectionError> {
    let kubeconfig = match &options.kubeconfig {
        Some(file) => Kubeconfig::read_from(file),
        None => Kubeconfig::read(),
    };
    let kubeconfig = match kubeconfig {
        Err(error) if options.kubeconfig.is_none() && is_missing(&error) => return in_cluster(options, error),
        kubeconfig => kubeconfig?,
    };
    let context = options.context.clone().or_else(|| kubeconfig.current_context.clone()).unwrap_or_default();
    let options = KubeConfigOptions { context: options.context.clone(), ..KubeConfigOptions::default() };
    let names_proxy = names_proxy(&kubeconfig, &context);
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &options).await?;
    if !names_proxy && !uses_proxy(&config.cluster_url) {
        config.proxy_url = None;
    }
    Ok((context, config))
}

/// Returns whether a kubeconfig names a proxy for the cluster of a context.
fn names_proxy(kubeconfig: &Kubeconfig, context: &str) -> bool {
    let context = kubeconfig.contexts.iter().find(|named| named.name == context);
    let name = context.and_then(|named| named.context.as_ref()).map(|context| &context.cluster);
    let cluster = kubeconfig.clusters.iter().find(|named| Some(&named.name) == name);
    let proxy = cluster.and_then(|named| named.cluster.as_ref()?.proxy_url.as_ref());
    proxy.is_some_and(|proxy| !proxy.is_empty())
}

/// Returns whether the environment names a proxy for a server. kube would compare `NO_PROXY` with the proxy's own
/// address, and use the proxy for loopback addresses too.
fn uses_proxy(server: &Uri) -> bool {
    let is_loopback = server.authority().is_some_and(|authority| is_loopback(authority.as_str()));
    !is_loopback && Matcher::from_env().intercept(server).is_some()
}

/// Returns the configuration inside a pod, if there is no kubeconfig.
fn in_cluster(options: &ConnectionOptions, error: KubeconfigError) -> Result<(String, Config), ConnectionError> {
    if options.context.is_some() || env::var_os("KUBERNETES_SERVICE_HOST").is_none() {
        return Err(ConnectionError::NoKubeconfig(error));
    }
    Ok((IN_CLUSTER.to_owned(), Config::incluster()?))
}

/// Returns whether there is no kubeconfig, rather than a faulty one.
fn is_missing(error: &KubeconfigError) -> bool {
    match error {
        KubeconfigError::ReadConfig(error, _) => error.kind() == io::ErrorKind::NotFound,
        KubeconfigError::FindPath => true,
        _ => false,
    }
}
