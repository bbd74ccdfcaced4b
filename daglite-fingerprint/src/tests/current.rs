//! Sources that have changed are read anew.

use std::fs;

use crate::sources::world::World;

#[test]
fn a_changed_source_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("src")).unwrap();
    let manifest = "[package]\nname = \"app\"\nversion = \"0.1.0\"\n[workspace]\n";
    fs::write(folder.path().join("Cargo.toml"), manifest).unwrap();
    fs::write(folder.path().join("src/lib.rs"), "mod helpers;\nmod missing;\n").unwrap();
    fs::write(folder.path().join("src/helpers.rs"), "pub fn scale() {}\n").unwrap();
    let read = || {
        let mut world = World::default();
        let package = world.package(folder.path()).unwrap();
        let library = package.library.clone().unwrap();
        world.load(&package, &library);
        world
    };
    let is_current = |world: &World| world.seen.iter().all(|file| file.is_current());

    let world = read();
    assert!(is_current(&world));
    fs::write(folder.path().join("src/helpers.rs"), "pub fn scale_by() {}\n").unwrap();
    assert!(!is_current(&world));

    let world = read();
    assert!(is_current(&world));
    fs::write(folder.path().join("src/missing.rs"), "").unwrap();
    assert!(!is_current(&world), "a module whose file was not there has one now");

    let world = read();
    fs::write(folder.path().join("Cargo.toml"), format!("{manifest}# more\n")).unwrap();
    assert!(!is_current(&world));
}
