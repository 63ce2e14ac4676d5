use serde_json::Value;

use super::function::{call, is_true};
use super::parse::{Node, Operand, Pipeline};
use super::printf::plain;
use super::{Row, TemplateError, refuse};

/// Runs a template on a row. `titles`: the row holds the titles of a table.
pub(super) fn run(nodes: &[Node], row: &Row, titles: bool) -> Result<String, TemplateError> {
    let mut runner = Runner {
        row,
        titles,
        names: Vec::new(),
        text: String::new(),
    };
    runner.nodes(nodes, &Dot::Row)?;
    Ok(runner.text)
}

/// What `.` stands for.
#[derive(Clone)]
enum Dot {
    Row,
    Value(Value),
}

#[derive(PartialEq)]
enum Flow {
    On,
    Break,
    Continue,
}

struct Runner<'r> {
    row: &'r Row,
    titles: bool,
    names: Vec<(String, Value)>,
    text: String,
}

impl Runner<'_> {
    fn nodes(&mut self, nodes: &[Node], dot: &Dot) -> Result<Flow, TemplateError> {
        let depth = self.names.len();
        let mut flow = Flow::On;
        for node in nodes {
            flow = self.node(node, dot)?;
            if flow != Flow::On {
                break;
            }
        }
        self.names.truncate(depth);
        Ok(flow)
    }

    fn node(&mut self, node: &Node, dot: &Dot) -> Result<Flow, TemplateError> {
        match node {
            Node::Text(text) => self.text.push_str(text),
            Node::Print(pipeline) => {
                let value = self.pipeline(pipeline, dot)?;
                if pipeline.names.is_empty() {
                    self.text.push_str(&plain(&value));
                } else {
                    self.name(pipeline, vec![value]);
                }
            }
            Node::If(condition, then, otherwise) | Node::With(condition, then, otherwise) => {
                let depth = self.names.len();
                let value = self.pipeline(condition, dot)?;
                self.name(condition, vec![value.clone()]);
                let flow = match (is_true(&value), node) {
                    (true, Node::With(..)) => self.nodes(then, &Dot::Value(value))?,
                    (true, _) => self.nodes(then, dot)?,
                    (false, _) => self.nodes(otherwise, dot)?,
                };
                self.names.truncate(depth);
                return Ok(flow);
            }
            Node::Range(over, body, otherwise) => return self.range(over, body, otherwise, dot),
            Node::Break => return Ok(Flow::Break),
            Node::Continue => return Ok(Flow::Continue),
        }
        Ok(Flow::On)
    }

    fn range(
        &mut self,
        over: &Pipeline,
        body: &[Node],
        otherwise: &[Node],
        dot: &Dot,
    ) -> Result<Flow, TemplateError> {
        let items: Vec<(Value, Value)> = match self.pipeline(over, dot)? {
            Value::Array(items) => items
                .into_iter()
                .enumerate()
                .map(|(at, item)| (Value::from(at), item))
                .collect(),
            Value::Object(members) => {
                let mut members: Vec<(String, Value)> = members.into_iter().collect();
                members.sort_by(|a, b| a.0.cmp(&b.0));
                let members = members.into_iter();
                members
                    .map(|(key, value)| (Value::from(key), value))
                    .collect()
            }
            Value::Null => Vec::new(),
            other => return refuse(format!("range can't iterate over {}", plain(&other))),
        };
        if items.is_empty() {
            return self.nodes(otherwise, dot);
        }
        for (key, value) in items {
            let depth = self.names.len();
            match over.names.len() {
                1 => self.name(over, vec![value.clone()]),
                _ => self.name(over, vec![key, value.clone()]),
            }
            let flow = self.nodes(body, &Dot::Value(value))?;
            self.names.truncate(depth);
            if flow == Flow::Break {
                break;
            }
        }
        Ok(Flow::On)
    }

    fn name(&mut self, pipeline: &Pipeline, values: Vec<Value>) {
        for (name, value) in pipeline.names.iter().zip(values) {
            let known = self.names.iter_mut().rev().find(|(known, _)| known == name);
            match known {
                Some((_, known)) if !pipeline.declares => *known = value,
                _ => self.names.push((name.clone(), value)),
            }
        }
    }

    fn pipeline(&mut self, pipeline: &Pipeline, dot: &Dot) -> Result<Value, TemplateError> {
        let mut last = None;
        for command in &pipeline.commands {
            last = Some(self.command(command, dot, last)?);
        }
        Ok(last.unwrap_or_default())
    }

    /// `fed`: the result of the command before, as the last argument.
    fn command(
        &mut self,
        command: &[Operand],
        dot: &Dot,
        fed: Option<Value>,
    ) -> Result<Value, TemplateError> {
        let Some((first, rest)) = command.split_first() else {
            return refuse("empty command");
        };
        if let Operand::Function(name) = first {
            // These look at no more than they need to.
            if matches!(name.as_str(), "and" | "or") {
                let mut value = Value::Null;
                for operand in rest {
                    value = self.operand(operand, dot)?;
                    if is_true(&value) == (name == "or") {
                        return Ok(value);
                    }
                }
                return Ok(fed.unwrap_or(value));
            }
            let mut values = Vec::new();
            for operand in rest {
                values.push(self.operand(operand, dot)?);
            }
            values.extend(fed);
            return call(name, &values, self.titles);
        }
        if let (Operand::Field(path), Dot::Row) = (first, dot)
            && let [name] = path.as_slice()
            && name == "Label"
        {
            let mut values = Vec::new();
            for operand in rest {
                values.push(self.operand(operand, dot)?);
            }
            values.extend(fed);
            return match values.as_slice() {
                [Value::String(key)] => Ok(self.label(key)),
                _ => refuse(".Label needs the name of one label"),
            };
        }
        if !rest.is_empty() || fed.is_some() {
            return refuse("only functions and .Label take arguments");
        }
        self.operand(first, dot)
    }

    fn label(&self, key: &str) -> Value {
        if self.titles {
            // The title is the label's last word.
            let words = key.rsplit('.').next().unwrap_or(key);
            return Value::from(words.replace(['-', '_'], " "));
        }
        Value::from(self.row.labels.get(key).cloned().unwrap_or_default())
    }

    fn operand(&mut self, operand: &Operand, dot: &Dot) -> Result<Value, TemplateError> {
        match operand {
            Operand::Literal(value) => Ok(value.clone()),
            Operand::Dot => Ok(self.whole(dot)),
            Operand::Field(path) => match (dot, path.split_first()) {
                (Dot::Row, Some((first, rest))) => descend(self.field(first)?, rest),
                (Dot::Value(value), _) => descend(value.clone(), path),
                (Dot::Row, None) => Ok(self.whole(dot)),
            },
            Operand::Variable(name, path) if name.is_empty() => match path.split_first() {
                Some((first, rest)) => descend(self.field(first)?, rest),
                None => Ok(self.whole(&Dot::Row)),
            },
            Operand::Variable(name, path) => {
                let found = self.names.iter().rev().find(|(known, _)| known == name);
                match found {
                    Some((_, value)) => descend(value.clone(), path),
                    None => refuse(format!("undefined variable \"${name}\"")),
                }
            }
            Operand::Function(name) => call(name, &[], self.titles),
            Operand::Nested(pipeline, path) => {
                let value = self.pipeline(pipeline, dot)?;
                descend(value, path)
            }
        }
    }

    fn field(&self, name: &str) -> Result<Value, TemplateError> {
        match self.row.fields.get(name) {
            Some(value) => Ok(value.clone()),
            None => {
                let known: Vec<&str> = self.row.fields.keys().copied().collect();
                refuse(format!(
                    "can't evaluate field {name}; the fields are {}",
                    known.join(", ")
                ))
            }
        }
    }

    fn whole(&self, dot: &Dot) -> Value {
        match dot {
            Dot::Value(value) => value.clone(),
            Dot::Row => whole(self.row),
        }
    }
}

/// All fields of a row as one object, by name.
pub(super) fn whole(row: &Row) -> Value {
    let mut fields: Vec<(&&str, &Value)> = row.fields.iter().collect();
    fields.sort_by_key(|(name, _)| **name);
    let fields = fields.into_iter();
    Value::Object(
        fields
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect(),
    )
}

fn descend(value: Value, path: &[String]) -> Result<Value, TemplateError> {
    let mut value = value;
    for name in path {
        value = match value {
            Value::Object(mut members) => members.remove(name).unwrap_or_default(),
            other => {
                return refuse(format!("can't evaluate field {name} in {}", plain(&other)));
            }
        };
    }
    Ok(value)
}
