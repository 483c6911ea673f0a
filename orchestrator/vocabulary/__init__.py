"""The words that pages, terminal, mails and documents share: labels of states, lengths of time."""
