//! What the end-to-end tests, benchmarks and fuzz targets share.

pub mod answer;
pub mod both;
pub mod request;
