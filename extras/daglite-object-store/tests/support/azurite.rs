//! `Azurite`: the server that stands in for Azure's blobs, on loopback, for as long as a test needs it.

use std::fs::File;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::{Duration, Instant};

use daglite_object_store::Place;
use daglite_object_store::object_store::azure::MicrosoftAzureBuilder;

use super::fresh_prefix;
use super::seaweed::{home, said};

/// The package and its version. A change installs it anew.
const PACKAGE: &str = "azurite@3.37.0";

/// The container that is there.
pub(crate) const CONTAINER: &str = "dag";

/// The account that the server has.
pub(crate) const ACCOUNT: &str = "devstoreaccount1";
/// Its key, which is the same everywhere and no secret.
pub(crate) const ACCOUNT_KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// How long the server may take to start.
const START: Duration = Duration::from_secs(60);

/// Makes the container, which the crate cannot.
const MAKE_CONTAINER: &str = r#"
const [port, account, key, container] = process.argv.slice(1);
const version = '2021-08-06', date = new Date().toUTCString();
const path = `/${account}/${container}`;
const text = ['PUT', '', '', '', '', '', '', '', '', '', '', '',
  `x-ms-date:${date}`, `x-ms-version:${version}`, `/${account}${path}`, 'restype:container'].join('\n');
const sign = require('crypto').createHmac('sha256', Buffer.from(key, 'base64')).update(text, 'utf8').digest('base64');
const headers = { 'x-ms-date': date, 'x-ms-version': version, authorization: `SharedKey ${account}:${sign}` };
require('http').request({ host: '127.0.0.1', port, method: 'PUT', path: `${path}?restype=container`, headers }, answer => {
  if (answer.statusCode !== 201) { console.error(`the container: ${answer.statusCode}`); process.exit(1); }
}).end();
"#;

/// A running server. It ends with the last handle, or with this process, however that ends.
pub(crate) struct Azurite {
    child: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Azurite {
    /// The server of this test program; `None`, and a loud line, if it cannot be had.
    pub(crate) fn running() -> Option<Arc<Self>> {
        static RUNNING: Mutex<Weak<Azurite>> = Mutex::new(Weak::new());
        static PROGRAM: OnceLock<Result<PathBuf, String>> = OnceLock::new();
        let mut running = RUNNING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(server) = running.upgrade() {
            return Some(server);
        }
        let program = PROGRAM.get_or_init(|| program(&home("azurite")));
        match program.as_ref().map_err(String::clone).and_then(|program| Self::start(program)) {
            Ok(server) => {
                let server = Arc::new(server);
                *running = Arc::downgrade(&server);
                Some(server)
            }
            Err(why) => {
                // Past the capture of the test harness: a test that checked nothing must be seen.
                let line =
                    format!("\nSKIPPED: nothing was tested on a server of Azure's kind: {why}\n");
                drop(std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes()));
                None
            }
        }
    }

    /// Where it answers.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}/{ACCOUNT}", self.port)
    }

    /// An empty place in its container.
    pub(crate) fn place(&self) -> Place {
        let client = MicrosoftAzureBuilder::new()
            .with_endpoint(self.endpoint())
            .with_allow_http(true)
            .with_account(ACCOUNT)
            .with_access_key(ACCOUNT_KEY)
            .with_container_name(CONTAINER);
        Place::of(client.build().unwrap(), "the Azure of the tests").within(&fresh_prefix())
    }

    fn start(program: &Path) -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let free = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
        let port = free.map_err(|error| error.to_string())?.port();
        let log = File::create(folder.path().join("log")).map_err(|error| error.to_string())?;
        // The shell ends the server when the pipe to it is closed, which a process that is killed does as well.
        let mut command = Command::new("sh");
        command.args([
            "-c",
            r#"exec 3<&0; "$@" </dev/null & read -r _ <&3; kill -9 $!; wait"#,
            "sh",
        ]);
        command.arg("node").arg(program).args(["--blobHost", "127.0.0.1", "--blobPort"]);
        command.arg(port.to_string()).args(["--location", ".", "--skipApiVersionCheck"]);
        command.args(["--silent", "--disableTelemetry"]).current_dir(folder.path());
        let errors = log.try_clone().map_err(|error| error.to_string())?;
        command.stdin(Stdio::piped()).stdout(log).stderr(errors);
        let child = command.spawn().map_err(|error| format!("cannot start a shell: {error}"))?;
        let mut server = Self { child, port, _folder: folder };
        server.wait_until_ready()?;
        Ok(server)
    }

    /// Waits until the container is there.
    fn wait_until_ready(&mut self) -> Result<(), String> {
        let deadline = Instant::now() + START;
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let has_ended = self.child.try_wait().is_ok_and(|end| end.is_some());
            if has_ended || Instant::now() > deadline {
                let log = std::fs::read_to_string(self._folder.path().join("log"));
                return Err(format!("the server does not answer:\n{}", log.unwrap_or_default()));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let port = self.port.to_string();
        said(Command::new("node").args([
            "-e",
            MAKE_CONTAINER,
            &port,
            ACCOUNT,
            ACCOUNT_KEY,
            CONTAINER,
        ]))
    }
}

impl Drop for Azurite {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// The server's program, fetched by the package manager of Node the first time.
fn program(home: &Path) -> Result<PathBuf, String> {
    let program = home.join("node_modules/azurite/dist/src/blob/main.js");
    let mark = home.join("package.txt");
    std::fs::create_dir_all(home).map_err(|error| format!("{}: {error}", home.display()))?;
    // Several test programs may want it at once.
    let lock = File::create(home.join("lock")).map_err(|error| error.to_string())?;
    lock.lock().map_err(|error| error.to_string())?;
    if std::fs::read_to_string(&mark).is_ok_and(|made| made == PACKAGE) {
        return Ok(program);
    }
    let mut command = Command::new("npm");
    command.args([
        "install",
        "--no-audit",
        "--no-fund",
        "--silent",
        "--ignore-scripts",
        "--prefix",
    ]);
    said(command.arg(home).arg(PACKAGE))?;
    std::fs::write(&mark, PACKAGE).map_err(|error| error.to_string())?;
    Ok(program)
}
