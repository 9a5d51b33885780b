//! A journal's file: lines are gathered, written at once and made durable at once. What could not be made durable is
//! taken back, so that nothing follows a torn line.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use super::line::Chain;

/// What a journal needs of a file; a test puts a failing one in its place.
pub(crate) trait Disk: Send {
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()>;
    fn sync(&mut self) -> io::Result<()>;
    fn truncate(&mut self, length: u64) -> io::Result<()>;
}

impl Disk for File {
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }
}

/// The end of an open journal.
pub(crate) struct JournalFile<D> {
    disk: D,
    /// The durable bytes.
    length: u64,
    chain: Chain,
    pending: Vec<u8>,
}

impl<D: Disk> JournalFile<D> {
    /// Goes on at the end of a journal.
    pub(crate) fn new(disk: D, length: u64, chain: Chain) -> Self {
        Self { disk, length, chain, pending: Vec::new() }
    }

    /// Gathers a line.
    pub(crate) fn push(&mut self, body: &str) {
        self.chain.push(body, &mut self.pending);
    }

    /// The bytes that are gathered.
    pub(crate) fn pending_bytes(&self) -> usize {
        self.pending.len()
    }

    /// The checksum of the last line.
    pub(crate) fn sum(&self) -> &str {
        &self.chain.sum
    }

    /// Makes durable what is gathered. After a failure the journal must not be written again: its chain has gone on.
    pub(crate) fn commit(&mut self) -> io::Result<()> {
        let done = self.disk.write_at(&self.pending, self.length).and_then(|()| self.disk.sync());
        match done {
            Ok(()) => {
                self.length += self.pending.len() as u64;
                self.pending.clear();
                Ok(())
            }
            Err(error) => {
                // The first failure is what counts; a torn line that stays is found and taken back by the next run.
                let _ = self.disk.truncate(self.length).and_then(|()| self.disk.sync());
                Err(error)
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Arc;

    use parking_lot::Mutex;

    use super::*;

    /// A disk with room for some bytes.
    #[derive(Clone, Default)]
    pub(crate) struct SmallDisk {
        pub bytes: Arc<Mutex<Vec<u8>>>,
        pub room: usize,
    }

    impl Disk for SmallDisk {
        fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
            let mut held = self.bytes.lock();
            assert_eq!(held.len() as u64, offset, "a journal is only appended to");
            let fits = bytes.len().min(self.room - held.len());
            held.extend(&bytes[..fits]);
            if fits == bytes.len() { Ok(()) } else { Err(io::ErrorKind::StorageFull.into()) }
        }

        fn sync(&mut self) -> io::Result<()> {
            Ok(())
        }

        fn truncate(&mut self, length: u64) -> io::Result<()> {
            self.bytes.lock().truncate(usize::try_from(length).expect("small"));
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_keeps_what_was_acknowledged() {
        let disk = SmallDisk { room: 100, ..SmallDisk::default() };
        let mut file = JournalFile::new(disk.clone(), 0, Chain::default());
        file.push("1");
        file.commit().expect("fits");
        let before = disk.bytes.lock().clone();
        file.push(&"2".repeat(100));
        assert_eq!(file.commit().expect_err("full").kind(), io::ErrorKind::StorageFull);
        assert_eq!(*disk.bytes.lock(), before);
    }
}
