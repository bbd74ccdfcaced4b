//! Content of network addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use super::{ContentHash, ContentHasher};

impl ContentHash for Ipv4Addr {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        hasher.begin_builtin("Ipv4Addr");
        hasher.bytes(&self.octets());
    }
}

impl ContentHash for Ipv6Addr {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        hasher.begin_builtin("Ipv6Addr");
        hasher.bytes(&self.octets());
    }
}

impl ContentHash for IpAddr {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        hasher.begin_builtin("IpAddr");
        match self {
            Self::V4(address) => address.content_hash(hasher),
            Self::V6(address) => address.content_hash(hasher),
        }
    }
}

impl ContentHash for SocketAddrV4 {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        hasher.begin_builtin("SocketAddrV4");
        (self.ip(), self.port()).content_hash(hasher);
    }
}

impl ContentHash for SocketAddrV6 {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        hasher.begin_builtin("SocketAddrV6");
        (self.ip(), self.port(), self.flowinfo(), self.scope_id()).content_hash(hasher);
    }
}

impl ContentHash for SocketAddr {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        hasher.begin_builtin("SocketAddr");
        match self {
            Self::V4(address) => address.content_hash(hasher),
            Self::V6(address) => address.content_hash(hasher),
        }
    }
}
