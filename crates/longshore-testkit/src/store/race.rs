//! Doing things at the same time, on several handles.

use std::sync::Arc;

use tokio::sync::Barrier;
use tokio::task::JoinSet;

/// Runs one task per element at once, all let go together; their results in the elements' order.
pub async fn all_at_once<T, R, F>(
    elements: impl IntoIterator<Item = T>,
    task: impl Fn(T) -> F,
) -> Vec<R>
where
    F: Future<Output = R> + Send + 'static,
    R: Send + 'static,
{
    let tasks: Vec<F> = elements.into_iter().map(task).collect();
    let barrier = Arc::new(Barrier::new(tasks.len()));
    let mut set = JoinSet::new();
    for (index, task) in tasks.into_iter().enumerate() {
        let barrier = Arc::clone(&barrier);
        set.spawn(async move {
            barrier.wait().await;
            (index, task.await)
        });
    }
    let mut results = set.join_all().await;
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}
