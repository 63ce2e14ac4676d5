use super::prose::bytes;
use super::{Board, Progress, Tone};
use crate::apply::EventKind;
use crate::ship::{ShipEvent, Shipping};

/// The view of a shipment: a line for each server, and the progress of a single one's plan.
pub struct ShipView {
    progress: Progress,
    several: bool,
}

impl ShipView {
    pub fn new(progress: Progress, several: bool) -> Self {
        ShipView { progress, several }
    }

    pub fn show(&mut self, event: &ShipEvent) {
        if self.progress.tells_as_json() {
            return self.progress.tell(event);
        }
        if let Shipping::Applying { step: inner } = &event.kind
            && !self.several
        {
            return self.progress.applying(inner);
        }
        let Some(board) = self.progress.board() else {
            return;
        };
        let host = event.host.as_str();
        let work = |board: &mut Board, text: &str| board.work(host, host, text);
        match &event.kind {
            Shipping::Lacks { images, layers } => {
                work(board, &format!("lacks {images} images, {layers} layers"));
            }
            Shipping::Whole { why } => board.line(&format!("note: {host}: {why}")),
            Shipping::Sending {
                sent,
                total,
                resumed,
            } => {
                let from = match resumed {
                    0 => String::new(),
                    resumed => format!(" ({} were there)", bytes(*resumed)),
                };
                let text = format!("sending {} of {}{from}", bytes(*sent), bytes(*total));
                work(board, &text);
            }
            Shipping::Loaded { sent } => {
                let text = format!("images loaded, {} sent", bytes(*sent));
                board.settle(host, host, Tone::Good, &text);
            }
            Shipping::Cut { why, attempt } => {
                board.line(&format!(
                    "{host}: {why}; connecting again (attempt {attempt})"
                ));
            }
            Shipping::Applying { step } => {
                if let EventKind::Passed { container, .. } = &step.kind {
                    board.line(&format!(" ✓ {host} {container}  ready"));
                }
            }
            Shipping::Restoring { number, why } => {
                board.line(&format!(
                    "{host}: {why}\n{host}: bringing release {number} back"
                ));
            }
            Shipping::Note { text } => board.line(&format!("note: {host}: {text}")),
            Shipping::Done {
                number,
                changed,
                prepared,
            } => {
                let text = match (prepared, changed) {
                    (true, _) => format!("release {number} is prepared"),
                    (false, true) => format!("release {number} is up"),
                    (false, false) => format!("release {number}: nothing to do"),
                };
                board.settle(host, host, Tone::Good, &text);
            }
            // Why is said at the end, when everything else has been.
            Shipping::Failed { .. } => board.settle(host, host, Tone::Bad, "failed"),
        }
    }

    pub fn end(&mut self) {
        self.progress.end();
    }
}
