package tail

// Kill lets go of all files, as the end of the process does.
func (t *Tailer) Kill() { t.close() }
