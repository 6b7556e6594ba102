//! HTTP for machines that watch us: `/metrics` and `/healthz`.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::daemon::Shared;

/// A brain that thinks about one event for longer than this is not well.
const THINKING_MAX_MS: u64 = 10_000;

/// Serves until it is told to stop.
pub(crate) async fn serve(listener: TcpListener, shared: Arc<Shared>, stop: CancellationToken) {
    let router = Router::new().route("/metrics", get(metrics)).route("/healthz", get(health)).with_state(shared);
    let served = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await;
    if let Err(error) = served {
        tracing::error!("HTTP ended: {error}");
    }
}

async fn metrics(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    shared.measure();
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], shared.metrics.text())
}

async fn health(State(shared): State<Arc<Shared>>) -> (StatusCode, String) {
    let thinking_ms = shared.thinking_ms();
    if thinking_ms > THINKING_MAX_MS {
        return (StatusCode::SERVICE_UNAVAILABLE, format!("busy with one event for {thinking_ms} ms\n"));
    }
    (StatusCode::OK, "ok\n".to_owned())
}
