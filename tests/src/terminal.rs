//! A program on a terminal: a pseudo-terminal that Python makes, and what its screen shows.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Lines of the screen.
const ROWS: u16 = 40;
/// Characters of a line.
const COLUMNS: u16 = 120;

/// Runs a program on a terminal of this size, and copies what it writes there to standard output.
const RUN: &str = "
import fcntl, os, pty, struct, sys, termios
pid, terminal = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack('HHHH', int(sys.argv[1]), int(sys.argv[2]), 0, 0))
    os.execvp(sys.argv[3], sys.argv[3:])
while True:
    try:
        written = os.read(terminal, 65536)
    except OSError:
        break
    if not written:
        break
    os.write(1, written)
";

/// The program. It ends with its test.
pub struct Terminal {
    process: Child,
    output: PathBuf,
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Without its terminal the program is hung up.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Terminal {
    /// Runs this program again, as one that runs one test, on a terminal. What it writes is kept in the file.
    pub fn run_test(test: &str, variables: &[(&str, &Path)], output: PathBuf) -> Self {
        let process = Command::new("python3")
            .args(["-c", RUN, &ROWS.to_string(), &COLUMNS.to_string()])
            .arg(std::env::current_exe().expect("this program has a path"))
            .args(["--exact", test, "--nocapture"])
            .envs(variables.iter().copied())
            .env("TERM", "xterm-256color")
            .stdin(Stdio::null())
            .stdout(std::fs::File::create(&output).expect("a file"))
            .stderr(Stdio::null())
            .spawn()
            .expect("python3 starts (Debian's package python3)");
        Self { process, output }
    }

    /// Everything that was written.
    pub fn written(&self) -> Vec<u8> {
        std::fs::read(&self.output).expect("a file")
    }

    /// The lines that the screen shows, without trailing empty ones.
    pub fn screen(&self) -> Vec<String> {
        let mut parser = vt100::Parser::new(ROWS, COLUMNS, 0);
        parser.process(&self.written());
        parser.screen().contents().trim_end().lines().map(str::to_owned).collect()
    }
}
