use daglite::prelude::*;

struct Deck {
    cards: Vec<u8>,
}

#[task(seeded)]
fn shuffle(deck: Deck) -> Vec<u8> {
    let _ = task_seed();
    deck.cards
}

fn main() {}
