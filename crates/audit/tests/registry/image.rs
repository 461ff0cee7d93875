//! What `kwctl push` makes of a module.

use oci_client::client::{Config, ImageLayer};
use oci_client::manifest::{OciImageManifest, WASM_CONFIG_MEDIA_TYPE, WASM_LAYER_MEDIA_TYPE};

/// A module as an image: its layers, its configuration and the manifest that lists them.
pub fn of(module: &[u8]) -> ([ImageLayer; 1], Config, OciImageManifest) {
    let layers = [ImageLayer::new(module.to_vec(), WASM_LAYER_MEDIA_TYPE.to_owned(), None)];
    let config = Config::new(b"{}".to_vec(), WASM_CONFIG_MEDIA_TYPE.to_owned(), None);
    let manifest = OciImageManifest::build(&layers, &config, None);
    (layers, config, manifest)
}
