//! A file system in memory that knows what is durable, loses the rest, and fails on demand.
//!
//! A name is durable when its folder was synced, a content when its file was. What was not may survive a power cut or not, each change
//! for itself; a content may survive in half. A sync of a file that failed leaves its content in doubt for ever, whatever later ones
//! say, as Linux does; the names of a folder, which are in a journal, wait for the next sync.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::watermark::disk::{Disk, Entry};

/// What is on the disk: nodes, of which the first is the root.
#[derive(Clone, Debug)]
pub(super) struct State(Vec<Node>);

#[derive(Clone, Debug)]
enum Node {
    File {
        content: Vec<u8>,
        durable: Vec<u8>,
        in_doubt: bool,
    },
    Folder {
        names: Names,
        /// Each with whether it is durable.
        changes: Vec<(Change, bool)>,
    },
}

type Names = BTreeMap<String, usize>;

/// Contents of files, `None` of folders.
pub(super) type Tree = BTreeMap<PathBuf, Option<Vec<u8>>>;

/// Names that change together.
type Change = Vec<(String, Option<usize>)>;

/// The disk of a running machine. Clones are the same disk.
#[derive(Clone)]
pub(super) struct ModelDisk(Arc<Mutex<Machine>>);

struct Machine {
    state: State,
    /// The state after each operation so far, the first before any.
    history: Vec<State>,
    failures: BTreeMap<usize, Failure>,
    locked: BTreeSet<usize>,
}

/// How an operation fails.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) enum Failure {
    /// Nothing is done.
    Undone,
    /// It is done all the same.
    Done,
}

impl ModelDisk {
    /// A machine that starts with this disk.
    pub(super) fn with(state: State) -> Self {
        let history = vec![state.clone()];
        Self(Arc::new(Mutex::new(Machine {
            state,
            history,
            failures: BTreeMap::new(),
            locked: BTreeSet::new(),
        })))
    }

    /// The `n`-th operation fails.
    pub(super) fn fail(&self, n: usize, failure: Failure) {
        self.machine().failures.insert(n, failure);
    }

    /// Operations so far.
    pub(super) fn operations(&self) -> usize {
        self.machine().history.len() - 1
    }

    /// What was on the disk after `n` operations.
    pub(super) fn after(&self, n: usize) -> State {
        self.machine().history[n].clone()
    }

    fn machine(&self) -> MutexGuard<'_, Machine> {
        self.0.lock().unwrap()
    }

    fn operation<T>(&self, act: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        self.failing_operation(act, |_| ())
    }

    /// `spoil` is what happens when it fails and is not done.
    fn failing_operation<T>(
        &self,
        act: impl FnOnce(&mut State) -> io::Result<T>,
        spoil: impl FnOnce(&mut State),
    ) -> io::Result<T> {
        let mut machine = self.machine();
        let number = machine.history.len() - 1;
        let failure = machine.failures.remove(&number);
        let answer = match failure {
            None => act(&mut machine.state),
            Some(Failure::Undone) => {
                spoil(&mut machine.state);
                Err(io::Error::from_raw_os_error(5))
            }
            Some(Failure::Done) => act(&mut machine.state).and(Err(io::Error::from_raw_os_error(5))),
        };
        let state = machine.state.clone();
        machine.history.push(state);
        answer
    }
}

impl State {
    /// A disk with these durable files.
    pub(super) fn new(files: &[(&str, &str)]) -> Self {
        let mut state = Self(vec![Node::Folder { names: Names::new(), changes: Vec::new() }]);
        for (path, text) in files {
            let path = Path::new(path);
            for above in path.ancestors().collect::<Vec<_>>().into_iter().rev() {
                if above != path && state.find(above).is_err() {
                    state.add(above, Node::Folder { names: Names::new(), changes: Vec::new() }).unwrap();
                }
            }
            let content = text.as_bytes().to_vec();
            let durable = content.clone();
            state.add(path, Node::File { content, durable, in_doubt: false }).unwrap();
        }
        for node in &mut state.0 {
            if let Node::Folder { changes, .. } = node {
                changes.iter_mut().for_each(|(_, durable)| *durable = true);
            }
        }
        state
    }

    /// All files and folders, for comparisons.
    pub(super) fn tree(&self) -> Tree {
        let mut tree = BTreeMap::new();
        let mut todo = vec![(PathBuf::from("/"), 0)];
        while let Some((path, node)) = todo.pop() {
            match &self.0[node] {
                Node::File { content, .. } => drop(tree.insert(path, Some(content.clone()))),
                Node::Folder { names, .. } => {
                    todo.extend(names.iter().map(|(name, node)| (path.join(name), *node)));
                    tree.insert(path, None);
                }
            }
        }
        tree
    }

    /// What a power cut may leave, at most `limit` of the possibilities.
    pub(super) fn survivors(&self, limit: usize) -> Vec<Self> {
        // The number of choices of each undecided thing, in the order of `survivor`.
        let mut choices = Vec::new();
        for node in &self.0 {
            match node {
                Node::File { content, durable, .. } if content != durable => choices.push(3),
                Node::File { .. } => {}
                Node::Folder { changes, .. } => {
                    let open = changes.iter().filter(|(_, durable)| !durable).count();
                    choices.extend(std::iter::repeat_n(2, open));
                }
            }
        }
        let all: usize = choices.iter().product();
        let step = all.div_ceil(limit).max(1);
        // The first and the last are "nothing more" and "everything".
        let mut picked: Vec<usize> = (0..all).step_by(step).collect();
        picked.push(all - 1);
        picked.dedup();
        picked.into_iter().map(|number| self.survivor(number, &choices)).collect()
    }

    fn survivor(&self, mut number: usize, choices: &[usize]) -> Self {
        let mut choices = choices.iter();
        let mut next = move || {
            let radix = choices.next().unwrap();
            let choice = number % radix;
            number /= radix;
            choice
        };
        let nodes = self.0.iter().map(|node| match node {
            Node::File { content, durable, .. } => {
                let left = if content == durable {
                    content.clone()
                } else {
                    match next() {
                        0 => durable.clone(),
                        1 => content[..content.len() / 2].to_vec(),
                        _ => content.clone(),
                    }
                };
                Node::File { content: left.clone(), durable: left, in_doubt: false }
            }
            Node::Folder { changes, .. } => {
                let left: Vec<_> = changes
                    .iter()
                    .filter(|(_, durable)| *durable || next() == 1)
                    .map(|(change, _)| (change.clone(), true))
                    .collect();
                let mut names = Names::new();
                left.iter().for_each(|(change, _)| apply(&mut names, change));
                Node::Folder { names, changes: left }
            }
        });
        Self(nodes.collect())
    }

    fn find(&self, path: &Path) -> io::Result<usize> {
        let mut at = 0;
        for part in path.iter().skip(1) {
            let Node::Folder { names, .. } = &self.0[at] else { return Err(io::ErrorKind::NotFound.into()) };
            at = *names.get(part.to_str().unwrap()).ok_or(io::ErrorKind::NotFound)?;
        }
        Ok(at)
    }

    fn change(&mut self, folder: &Path, change: Change) -> io::Result<()> {
        let at = self.find(folder)?;
        let Node::Folder { names, changes } = &mut self.0[at] else {
            return Err(io::ErrorKind::NotFound.into());
        };
        apply(names, &change);
        changes.push((change, false));
        Ok(())
    }

    fn add(&mut self, path: &Path, node: Node) -> io::Result<usize> {
        if self.find(path).is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.0.push(node);
        let at = self.0.len() - 1;
        self.change(path.parent().unwrap(), vec![(name(path), Some(at))])?;
        Ok(at)
    }

    fn sync(&mut self, at: usize) {
        match &mut self.0[at] {
            Node::File { in_doubt: true, .. } => {}
            Node::File { content, durable, .. } => durable.clone_from(content),
            Node::Folder { changes, .. } => changes.iter_mut().for_each(|(_, durable)| *durable = true),
        }
    }

    fn spoil(&mut self, at: usize) {
        if let Node::File { in_doubt, .. } = &mut self.0[at] {
            *in_doubt = true;
        }
    }

    fn entry(&self, at: usize) -> Entry {
        match &self.0[at] {
            Node::File { .. } => Entry::File,
            Node::Folder { .. } => Entry::Folder,
        }
    }
}

fn apply(names: &mut Names, change: &Change) {
    for (name, node) in change {
        match node {
            Some(node) => drop(names.insert(name.clone(), *node)),
            None => drop(names.remove(name)),
        }
    }
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

/// A lock, given back when it is dropped.
pub(super) struct ModelLock(ModelDisk, usize);

impl Drop for ModelLock {
    fn drop(&mut self) {
        self.0.machine().locked.remove(&self.1);
    }
}

impl Disk for ModelDisk {
    type File = usize;
    type Lock = ModelLock;

    fn is_at(&self, lock: &ModelLock, path: &Path) -> io::Result<bool> {
        self.operation(|state| Ok(state.find(path).ok() == Some(lock.1)))
    }

    fn look(&self, path: &Path) -> io::Result<Option<Entry>> {
        self.operation(|state| Ok(state.find(path).ok().map(|at| state.entry(at))))
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<(String, Entry)>> {
        self.operation(|state| match &state.0[state.find(folder)?] {
            Node::Folder { names, .. } => {
                Ok(names.iter().map(|(name, at)| (name.clone(), state.entry(*at))).collect())
            }
            Node::File { .. } => Err(io::ErrorKind::NotADirectory.into()),
        })
    }

    fn open(&self, path: &Path) -> io::Result<usize> {
        self.operation(|state| state.find(path))
    }

    fn read(&self, file: &mut usize, limit: u64) -> io::Result<Vec<u8>> {
        self.operation(|state| match &state.0[*file] {
            Node::File { content, .. } => Ok(content[..content.len().min(limit as usize)].to_vec()),
            Node::Folder { .. } => Err(io::ErrorKind::IsADirectory.into()),
        })
    }

    fn create(&self, path: &Path) -> io::Result<usize> {
        let empty = Node::File { content: Vec::new(), durable: Vec::new(), in_doubt: false };
        self.operation(|state| state.add(path, empty))
    }

    fn write(&self, file: &mut usize, bytes: &[u8]) -> io::Result<()> {
        self.operation(|state| {
            if let Node::File { content, .. } = &mut state.0[*file] {
                content.extend_from_slice(bytes);
            }
            Ok(())
        })
    }

    fn sync(&self, file: &usize) -> io::Result<()> {
        let act = |state: &mut State| {
            state.sync(*file);
            Ok(())
        };
        self.failing_operation(act, |state| state.spoil(*file))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        assert_eq!(from.parent(), to.parent());
        self.operation(|state| {
            let node = state.find(from)?;
            if let Ok(there) = state.find(to)
                && let Node::Folder { names, .. } = &state.0[there]
                && !names.is_empty()
            {
                return Err(io::ErrorKind::DirectoryNotEmpty.into());
            }
            state.change(to.parent().unwrap(), vec![(name(from), None), (name(to), Some(node))])
        })
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.operation(|state| {
            state.sync(state.find(folder)?);
            Ok(())
        })
    }

    fn make_folder(&self, path: &Path) -> io::Result<()> {
        let empty = Node::Folder { names: Names::new(), changes: Vec::new() };
        self.operation(|state| state.add(path, empty).map(drop))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.operation(|state| {
            state.find(path)?;
            state.change(path.parent().unwrap(), vec![(name(path), None)])
        })
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        self.remove(path)
    }

    fn lock(&self, path: &Path) -> io::Result<Option<ModelLock>> {
        let found = self.machine().state.find(path);
        let at = match found {
            Ok(at) => at,
            Err(_) => self.create(path)?,
        };
        Ok(self.machine().locked.insert(at).then(|| ModelLock(self.clone(), at)))
    }
}
