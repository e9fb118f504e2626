//! Real cameras: Debian's `motion`, which is fed a test pattern and asks for a password, and `ffmpeg`, which serves one. Both programs are of `.ci/run`;
//! a test that needs them says that it is skipped where they are not there.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::{PASSWORD, USERNAME};
use crate::eventually;
use crate::tools::{Running, debian_program, free_port};

/// A picture that moves: ten a second, with a clock in it.
const PATTERN: &str = "testsrc=size=320x240:rate=10";

/// How `motion` asks for a password: the numbers of its `stream_auth_method`.
#[derive(Clone, Copy, Debug)]
pub enum Asks {
    /// RFC 7617.
    Basic = 1,
    /// RFC 7616.
    Digest = 2,
}

/// A running `motion`. It ends with its test.
pub struct Motion {
    port: u16,
    _process: Running,
    _directory: tempfile::TempDir,
}

fn ffmpeg() -> Option<Command> {
    let mut command = Command::new(debian_program("ffmpeg", "ffmpeg")?);
    command.args(["-nostdin", "-hide_banner", "-loglevel", "error"]).stdin(Stdio::null());
    Some(command)
}

impl Motion {
    /// Starts one on a free port; none, with a line that says so, where `motion` or `ffmpeg` is not there.
    pub async fn start(asks: Asks) -> Option<Self> {
        let motion = debian_program("motion", "motion")?;
        let mut made = ffmpeg()?;
        let directory = tempfile::Builder::new().prefix("gatehouse-motion-").tempdir().ok()?;
        let pattern = directory.path().join("pattern.mp4");
        made.args(["-f", "lavfi", "-i", PATTERN, "-t", "60", "-c:v", "mpeg4"]).arg(&pattern);
        if !made.status().is_ok_and(|status| status.success()) {
            eprintln!("skipped: ffmpeg does not run here");
            return None;
        }
        let port = free_port();
        let configuration = directory.path().join("motion.conf");
        std::fs::write(&configuration, configured(&pattern, directory.path(), port, asks)).ok()?;
        let mut command = Command::new(motion);
        command.args(["-n", "-m", "-c"]).arg(&configuration).stdout(Stdio::null()).stderr(Stdio::null());
        let process = Running::start(&mut command);
        let http = crate::http_client();
        eventually("motion has a picture", Duration::from_secs(30), || async {
            http.get(format!("http://127.0.0.1:{port}/current")).send().await.ok().filter(|answer| answer.status() == 401).map(drop)
        })
        .await;
        Some(Self { port, _process: process, _directory: directory })
    }

    /// The address of its live pictures.
    pub fn live(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    /// The address of one picture.
    pub fn snapshot(&self) -> String {
        format!("http://127.0.0.1:{}/current", self.port)
    }
}

fn configured(pattern: &Path, directory: &Path, port: u16, asks: Asks) -> String {
    format!(
        "daemon off\nnetcam_url file://{}\nwidth 320\nheight 240\nframerate 10\nstream_port {port}\nstream_localhost on\nstream_maxrate 10\n\
         stream_auth_method {}\nstream_authentication {USERNAME}:{PASSWORD}\nwebcontrol_port 0\ntarget_dir {}\npicture_output off\nmovie_output off\n",
        pattern.display(),
        asks as u8,
        directory.display()
    )
}

/// An `ffmpeg` that serves live pictures to one client. It ends with its test.
pub struct Ffmpeg {
    port: u16,
    _process: Running,
}

impl Ffmpeg {
    /// Starts one on a free port; none, with a line that says so, where `ffmpeg` is not there.
    pub async fn start() -> Option<Self> {
        let mut command = ffmpeg()?;
        let port = free_port();
        command.args(["-re", "-f", "lavfi", "-i", PATTERN, "-c:v", "mjpeg", "-f", "mpjpeg", "-boundary_tag", "frame"]);
        command.args(["-content_type", "multipart/x-mixed-replace;boundary=frame", "-listen", "1"]);
        let process = Running::start(command.arg(format!("http://127.0.0.1:{port}/live")).stdout(Stdio::null()).stderr(Stdio::null()));
        // Whoever connects is the one client: whether it listens is asked of the system.
        let listens = format!("0100007F:{port:04X} 00000000:0000 0A");
        eventually("ffmpeg listens", Duration::from_secs(30), || async {
            let sockets = std::fs::read_to_string("/proc/net/tcp").ok()?;
            sockets.contains(&listens).then_some(())
        })
        .await;
        Some(Self { port, _process: process })
    }

    /// The address of its live pictures.
    pub fn live(&self) -> String {
        format!("http://127.0.0.1:{}/live", self.port)
    }
}
