//! Images as `kwctl push` builds them.

use oci_client::client::{Config, ImageLayer};
use oci_client::manifest::{OciImageManifest, WASM_CONFIG_MEDIA_TYPE, WASM_LAYER_MEDIA_TYPE};

/// Builds the image of a module: its layers, its configuration and the manifest that lists them.
pub(crate) fn build(module: &[u8]) -> ([ImageLayer; 1], Config, OciImageManifest) {
    let layers = [ImageLayer::new(module.to_vec(), WASM_LAYER_MEDIA_TYPE.to_owned(), None)];
    let config = Config::new(b"{}".to_vec(), WASM_CONFIG_MEDIA_TYPE.to_owned(), None);
    let manifest = OciImageManifest::build(&layers, &config, None);
    (layers, config, manifest)
}
