//! What the end-to-end tests, the benchmarks and the fuzz targets share.

pub mod admission_request;
pub mod dual_policy;
pub mod fake_cluster;
pub mod fuzzing;
pub mod response;
