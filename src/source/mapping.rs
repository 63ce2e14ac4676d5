use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::{mem, slice, vec};

use hashbrown::HashTable;

use super::{Key, Node};

/// The members of a mapping in the order of the document, found by the text of their keys.
///
/// Nearly all mappings of a project have a handful of members, there are very many mappings, and most of what is looked
/// for is not there. So a few members are found by a byte each, all of which lie in this place: that asks for less memory
/// than a table, and no other memory has to be read to learn that a member is missing. Only large mappings have a table.
#[derive(Clone, Debug, Default)]
pub struct Mapping {
    members: Vec<(Key, Node)>,
    /// The places of all members by their keys' hashes. `None`: there are few.
    index: Option<Box<HashTable<usize>>>,
    /// [`mark`] of each of the first members.
    marks: [u8; FEW],
}

/// The number of members above which there is an index.
const FEW: usize = 32;

/// One for all mappings: their keys come from files that strangers may have written.
static HASHER: LazyLock<RandomState> = LazyLock::new(RandomState::new);

fn hash(text: &str) -> u64 {
    HASHER.hash_one(text)
}

/// A byte that two different keys rarely share.
fn mark(text: &str) -> u8 {
    let bytes = text.as_bytes();
    let at = |place: usize| bytes.get(place).copied().unwrap_or_default();
    let ends =
        at(0) ^ at(bytes.len() / 2).rotate_left(3) ^ at(bytes.len().wrapping_sub(1)).rotate_left(5);
    ends.wrapping_add((bytes.len() as u8).wrapping_mul(37))
}

impl Mapping {
    pub fn new() -> Self {
        Mapping::default()
    }

    pub fn with_capacity(members: usize) -> Self {
        Mapping {
            members: Vec::with_capacity(members),
            ..Mapping::default()
        }
    }

    /// Makes room for so many more members, and no more than that.
    pub fn reserve_exact(&mut self, more: usize) {
        self.members.reserve_exact(more);
    }

    /// Gives back the room that no member takes.
    pub fn shrink_to_fit(&mut self) {
        self.members.shrink_to_fit();
    }

    /// Moves all members to where they take no more room than they need; this mapping keeps its own for others.
    pub fn move_out(&mut self) -> Mapping {
        let mut members = Vec::with_capacity(self.members.len());
        members.append(&mut self.members);
        Mapping {
            members,
            index: self.index.take(),
            marks: self.marks,
        }
    }

    /// The number of members that there is room for.
    pub fn capacity(&self) -> usize {
        self.members.capacity()
    }

    pub fn len(&self) -> usize {
        self.members.len()
    }

    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The place of a member; `None` when there is none of that name.
    fn find(&self, key: &str) -> Option<usize> {
        let is_it = |at: &usize| self.members[*at].0.text == key;
        match &self.index {
            Some(index) => index.find(hash(key), is_it).copied(),
            None => {
                let mark = mark(key);
                (0..self.members.len()).find(|at| self.marks[*at] == mark && is_it(at))
            }
        }
    }

    /// The place of a member, which is quickly found at `next`: whoever asks for many in their order asks for the one after
    /// the last.
    pub(super) fn find_from(&self, next: usize, key: &str) -> Option<usize> {
        match self.members.get(next) {
            Some((at, _)) if at.text == key => Some(next),
            _ => self.find(key),
        }
    }

    /// The member at a place.
    pub(super) fn at(&self, place: usize) -> (&Key, &Node) {
        let (key, value) = &self.members[place];
        (key, value)
    }

    pub(super) fn at_mut(&mut self, place: usize) -> (&Key, &mut Node) {
        let (key, value) = &mut self.members[place];
        (key, value)
    }

    pub fn contains_key(&self, key: &str) -> bool {
        self.find(key).is_some()
    }

    pub fn get(&self, key: &str) -> Option<&Node> {
        let at = self.find(key)?;
        Some(&self.members[at].1)
    }

    pub fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        let at = self.find(key)?;
        Some(&mut self.members[at].1)
    }

    pub fn get_key_value(&self, key: &str) -> Option<(&Key, &Node)> {
        let (key, value) = &self.members[self.find(key)?];
        Some((key, value))
    }

    /// Adds a member at the end. Where there is one of that name already, it keeps its place and its key, and its former
    /// value is returned.
    pub fn insert(&mut self, key: Key, value: Node) -> Option<Node> {
        match self.find(&key.text) {
            Some(at) => Some(mem::replace(&mut self.members[at].1, value)),
            None => {
                self.push(key, value);
                None
            }
        }
    }

    /// Adds a member at the end unless there is one of that name: its key.
    pub fn insert_new(&mut self, key: Key, value: Node) -> Result<(), &Key> {
        match self.find(&key.text) {
            Some(at) => Err(&self.members[at].0),
            None => {
                self.push(key, value);
                Ok(())
            }
        }
    }

    /// The value of a member, which is added at the end where it is missing.
    pub fn get_or_insert_with(&mut self, key: Key, value: impl FnOnce() -> Node) -> &mut Node {
        let at = match self.find(&key.text) {
            Some(at) => at,
            None => self.push(key, value()),
        };
        &mut self.members[at].1
    }

    /// Adds a member that is not there yet; its place.
    fn push(&mut self, key: Key, value: Node) -> usize {
        let at = self.members.len();
        if let Some(index) = &mut self.index {
            let rehash = |at: &usize| hash(&self.members[*at].0.text);
            index.insert_unique(hash(&key.text), at, rehash);
        }
        if let Some(place) = self.marks.get_mut(at) {
            *place = mark(&key.text);
        }
        self.members.push((key, value));
        if self.index.is_none() && self.members.len() > FEW {
            self.reindex();
        }
        at
    }

    /// Removes a member; the others keep their order.
    pub fn remove(&mut self, key: &str) -> Option<Node> {
        self.remove_entry(key).map(|(_, value)| value)
    }

    /// As [`Mapping::remove`], with the key.
    pub fn remove_entry(&mut self, key: &str) -> Option<(Key, Node)> {
        let at = self.find(key)?;
        if let Some(index) = &mut self.index {
            if let Ok(place) = index.find_entry(hash(key), |place| *place == at) {
                place.remove();
            }
            for place in index.iter_mut().filter(|place| **place > at) {
                *place -= 1;
            }
        }
        let removed = self.members.remove(at);
        self.mark_all();
        Some(removed)
    }

    /// Keeps the members that `keep` wants.
    pub fn retain(&mut self, mut keep: impl FnMut(&Key, &mut Node) -> bool) {
        self.members.retain_mut(|(key, value)| keep(key, value));
        self.reindex();
    }

    /// Sorts the members, equal ones staying in their order.
    pub fn sort_by_key<T: Ord>(&mut self, mut rank: impl FnMut(&Key) -> T) {
        self.members.sort_by_key(|(key, _)| rank(key));
        self.reindex();
    }

    pub fn iter(&self) -> Iter<'_> {
        Iter(self.members.iter())
    }

    pub fn iter_mut(&mut self) -> IterMut<'_> {
        IterMut(self.members.iter_mut())
    }

    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &Key> + ExactSizeIterator {
        self.members.iter().map(|(key, _)| key)
    }

    pub fn values(&self) -> impl DoubleEndedIterator<Item = &Node> + ExactSizeIterator {
        self.members.iter().map(|(_, value)| value)
    }

    pub fn values_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut Node> + ExactSizeIterator {
        self.members.iter_mut().map(|(_, value)| value)
    }

    fn mark_all(&mut self) {
        for (place, (key, _)) in self.marks.iter_mut().zip(&self.members) {
            *place = mark(&key.text);
        }
    }

    /// Notes where the members are, after they have changed their places.
    fn reindex(&mut self) {
        self.mark_all();
        if self.members.len() <= FEW {
            self.index = None;
            return;
        }
        let members = &self.members;
        let rehash = |at: &usize| hash(&members[*at].0.text);
        let index = self.index.get_or_insert_default();
        index.clear();
        for (at, (key, _)) in members.iter().enumerate() {
            index.insert_unique(hash(&key.text), at, rehash);
        }
    }
}

/// Two mappings are equal when they have the same members, in whatever order.
impl PartialEq for Mapping {
    fn eq(&self, other: &Self) -> bool {
        let is_there = |(key, value): (&Key, &Node)| other.get(&key.text) == Some(value);
        self.len() == other.len() && self.iter().all(is_there)
    }
}

impl Extend<(Key, Node)> for Mapping {
    fn extend<I: IntoIterator<Item = (Key, Node)>>(&mut self, members: I) {
        for (key, value) in members {
            self.insert(key, value);
        }
    }
}

impl FromIterator<(Key, Node)> for Mapping {
    fn from_iter<I: IntoIterator<Item = (Key, Node)>>(members: I) -> Self {
        let mut mapping = Mapping::new();
        mapping.extend(members);
        mapping
    }
}

/// The members of a [`Mapping`], borrowed.
#[derive(Clone)]
pub struct Iter<'m>(slice::Iter<'m, (Key, Node)>);

/// The members of a [`Mapping`], their values to be changed.
pub struct IterMut<'m>(slice::IterMut<'m, (Key, Node)>);

impl<'m> Iterator for Iter<'m> {
    type Item = (&'m Key, &'m Node);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|(key, value)| (key, value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl DoubleEndedIterator for Iter<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.0.next_back().map(|(key, value)| (key, value))
    }
}

impl ExactSizeIterator for Iter<'_> {}

impl<'m> Iterator for IterMut<'m> {
    type Item = (&'m Key, &'m mut Node);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|(key, value)| (&*key, value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl<'m> IntoIterator for &'m Mapping {
    type Item = (&'m Key, &'m Node);
    type IntoIter = Iter<'m>;

    fn into_iter(self) -> Iter<'m> {
        self.iter()
    }
}

impl<'m> IntoIterator for &'m mut Mapping {
    type Item = (&'m Key, &'m mut Node);
    type IntoIter = IterMut<'m>;

    fn into_iter(self) -> IterMut<'m> {
        self.iter_mut()
    }
}

impl IntoIterator for Mapping {
    type Item = (Key, Node);
    type IntoIter = vec::IntoIter<(Key, Node)>;

    fn into_iter(self) -> Self::IntoIter {
        self.members.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Span;

    fn numbers(count: i64) -> Mapping {
        (0..count)
            .map(|number| {
                let key = Key::new(number.to_string(), Span::NONE);
                (key, Node::int(number, Span::NONE))
            })
            .collect()
    }

    fn values(mapping: &Mapping) -> Vec<i64> {
        mapping.values().filter_map(Node::as_int).collect()
    }

    /// Each member is found under its name, and nothing else is: with an index and without.
    fn check(mapping: &Mapping, expected: &[i64]) {
        assert_eq!(values(mapping), expected);
        assert_eq!(mapping.index.is_some(), mapping.len() > FEW);
        for number in -1..100 {
            let found = mapping.get(&number.to_string()).and_then(Node::as_int);
            assert_eq!(found, expected.contains(&number).then_some(number));
        }
    }

    #[test]
    fn members_are_found_and_keep_their_order() {
        for count in [0, 5, FEW as i64, FEW as i64 + 1, 90] {
            let mut mapping = numbers(count);
            let mut expected: Vec<i64> = (0..count).collect();
            check(&mapping, &expected);

            mapping.retain(|_, value| value.as_int() != Some(3));
            expected.retain(|number| *number != 3);
            check(&mapping, &expected);

            mapping.sort_by_key(|key| std::cmp::Reverse(key.text.parse::<i64>().ok()));
            expected.reverse();
            check(&mapping, &expected);
        }
    }

    #[test]
    fn a_removed_member_is_gone_and_those_after_it_stay() {
        let mut mapping = numbers(90);
        for gone in [0, 89, 40, 41] {
            let gone = gone.to_string();
            assert!(mapping.remove(&gone).is_some());
            assert!(mapping.remove(&gone).is_none());
        }
        let expected: Vec<i64> = (1..89).filter(|n| ![40, 41].contains(n)).collect();
        check(&mapping, &expected);
        mapping.insert("40".into(), Node::int(40, Span::NONE));
        check(&mapping, &[expected, vec![40]].concat());
        // The index stays when few are left.
        for gone in 41..89 {
            mapping.remove(&gone.to_string());
        }
        assert_eq!(mapping.get("39").and_then(Node::as_int), Some(39));
        assert_eq!(mapping.get("40").and_then(Node::as_int), Some(40));
    }

    #[test]
    fn a_second_member_of_one_name_takes_the_place_of_the_first_or_is_refused() {
        for count in [5, 90] {
            let mut mapping = numbers(count);
            let former = mapping.insert("2".into(), Node::int(7, Span::NONE));
            assert_eq!(former.and_then(|node| node.as_int()), Some(2));
            let refused = mapping.insert_new("4".into(), Node::int(8, Span::NONE));
            assert_eq!(refused.map_err(|key| key.text.as_str()), Err("4"));
            assert_eq!(values(&mapping)[..5], [0, 1, 7, 3, 4]);
        }
    }

    #[test]
    fn order_makes_no_difference_between_mappings() {
        for count in [5, 90] {
            let mut other = numbers(count);
            other.sort_by_key(|key| key.text.to_string());
            other.values_mut().for_each(|value| value.span = Span::NONE);
            assert_eq!(numbers(count), other);
            other.remove("4");
            assert_ne!(numbers(count), other);
            other.insert("x".into(), Node::int(4, Span::NONE));
            assert_ne!(numbers(count), other);
        }
    }
}
