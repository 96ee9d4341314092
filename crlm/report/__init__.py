"""What a reader sees: numbers, sentences, tables, figures, and the evidence around them."""
