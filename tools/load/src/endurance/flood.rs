//! Bodies that are never sent to their end. The server's memory for them has an end, small requests get through meanwhile, and the memory
//! goes back to the system once the connections are gone.

use std::io::Write as _;
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;

use crate::clock::wait;
use crate::endurance::connection::Connection;
use crate::endurance::server::{Server, WatermarkStorage, World};
use crate::output::{Fault, say};

/// Connections that each send most of a body and then nothing more.
const PEERS: usize = 1200;
/// The longest body that the signer reads.
const DECLARED: usize = 128 * 1024;
const SENT: usize = 120 * 1024;
/// Longest that a write waits for a server that does not read.
const PATIENCE: Duration = Duration::from_secs(2);

/// What the bodies of one source may take (docs/reference/issuer-api.md, "Limits"): half of what is shared, and half of the reserve.
const BODIES_KIB: u64 = 32 * 1024;
/// What a connection takes beside its body: buffers of the listener, the task, and what the allocator keeps for a second.
const CONNECTION_KIB: u64 = 72;
/// What may be left of a flood.
const LEFT_KIB: u64 = 32 * 1024;
/// Looks at the memory after a flood, a second apart, until it is back.
const LOOKS: usize = 20;

/// Starts a server for it.
pub(crate) fn alone(binary: PathBuf) -> Result<(), Fault> {
    let world = World::new(binary, WatermarkStorage::Store, &[])?;
    let server = world.start()?;
    run(&server, &world)?;
    server.process.kill()
}

/// Floods the signer of a server that is otherwise idle, twice.
pub(crate) fn run(server: &Server, world: &World) -> Result<(), Fault> {
    let before = server.process.resident_kib()?;
    let most = before + BODIES_KIB + PEERS as u64 * CONNECTION_KIB;
    for name in ["first", "second"] {
        let during = flood(server, world, name)?;
        let mut after = server.process.resident_kib()?;
        for _ in 0..LOOKS {
            if after <= before + LEFT_KIB {
                break;
            }
            wait(Duration::from_secs(1));
            after = server.process.resident_kib()?;
        }
        say(&format!(
            "{name} flood of {PEERS} half-sent bodies: memory {before} KiB before, {during} at most, {after} afterwards"
        ))?;
        if during > most {
            return Err(format!("beyond its limit of {most} KiB: memory while bodies are half sent").into());
        }
        if after > before + LEFT_KIB {
            return Err(format!("the memory of the flood does not return: {LEFT_KIB} KiB may stay").into());
        }
    }
    Ok(())
}

/// The most memory that was seen.
fn flood(server: &Server, world: &World, name: &str) -> Result<u64, Fault> {
    let head = format!(
        "POST /keys/{} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {DECLARED}\r\n\r\n\"",
        world.payer.hash()
    );
    let request = [head.as_bytes(), &[b'0'; SENT]].concat();
    let mut peers = Vec::with_capacity(PEERS);
    let mut during = 0;
    while peers.len() < PEERS {
        let mut peer = TcpStream::connect(&server.signer)?;
        peer.set_write_timeout(Some(PATIENCE))?;
        // A body that is refused is not read to its end: then the rest cannot be sent.
        drop(peer.write_all(&request));
        peers.push(peer);
        if peers.len().is_multiple_of(100) {
            during = during.max(server.process.resident_kib()?);
        }
    }
    let small =
        Connection::new(&server.issuer).post(&format!("/register/flood-{name}"), &world.admin, &json!({}))?;
    during = during.max(server.process.resident_kib()?);
    drop(peers);
    if small.status == 201 {
        Ok(during)
    } else {
        Err("a small request got no answer beside half-sent bodies".into())
    }
}
