//! Who does the arithmetic of TLS: graviola, which needs no C compiler, or ring where it was built in.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;

use crate::source::web::Refusal;

/// The provider of this build.
///
/// # Errors
/// `Tls` where this processor lacks instructions that it needs.
#[cfg(any(feature = "ring", not(any(target_arch = "aarch64", target_arch = "x86_64"))))]
pub(super) fn provider() -> Result<Arc<CryptoProvider>, Refusal> {
    Ok(Arc::new(rustls::crypto::ring::default_provider()))
}

/// The provider of this build.
///
/// # Errors
/// `Tls` where this processor lacks instructions that it needs.
#[cfg(all(not(feature = "ring"), any(target_arch = "aarch64", target_arch = "x86_64")))]
pub(super) fn provider() -> Result<Arc<CryptoProvider>, Refusal> {
    // graviola stops the process where they are missing.
    match missing() {
        None => Ok(Arc::new(rustls_graviola::default_provider())),
        Some(name) => Err(Refusal::new(
            crate::source::web::Reason::Tls,
            format!("https needs a processor with {name}: build ris with --features ring, or crawl http"),
        )),
    }
}

#[cfg(all(not(feature = "ring"), target_arch = "x86_64"))]
fn missing() -> Option<&'static str> {
    let there = [
        ("aes", is_x86_feature_detected!("aes")),
        ("pclmulqdq", is_x86_feature_detected!("pclmulqdq")),
        ("bmi1", is_x86_feature_detected!("bmi1")),
        ("bmi2", is_x86_feature_detected!("bmi2")),
        ("adx", is_x86_feature_detected!("adx")),
        ("avx", is_x86_feature_detected!("avx")),
        ("avx2", is_x86_feature_detected!("avx2")),
    ];
    there.into_iter().find(|(_, there)| !there).map(|(name, _)| name)
}

#[cfg(all(not(feature = "ring"), target_arch = "aarch64"))]
fn missing() -> Option<&'static str> {
    use std::arch::is_aarch64_feature_detected;
    let there = [
        ("neon", is_aarch64_feature_detected!("neon")),
        ("aes", is_aarch64_feature_detected!("aes")),
        ("pmull", is_aarch64_feature_detected!("pmull")),
        ("sha2", is_aarch64_feature_detected!("sha2")),
    ];
    there.into_iter().find(|(_, there)| !there).map(|(name, _)| name)
}
