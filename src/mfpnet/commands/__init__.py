"""What each verb does with its options, step by step, and what it prints."""
