use std::collections::VecDeque;

const KEPT: usize = 100;

/// The last jobs, oldest first; each is the engine's answer, a JSON object.
#[derive(Default)]
pub struct Jobs(VecDeque<String>);

impl Jobs {
    pub fn add(&mut self, result: String) {
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back(result);
    }

    pub fn json(&self) -> String {
        let jobs: Vec<&str> = self.0.iter().map(String::as_str).collect();
        format!("[{}]", jobs.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_job_makes_room() {
        let mut jobs = Jobs::default();
        assert_eq!(jobs.json(), "[]");
        for number in 0..KEPT + 1 {
            jobs.add(number.to_string());
        }
        let json = jobs.json();
        assert!(json.starts_with("[1, 2, ") && json.ends_with(", 100]"), "{json}");
    }
}
