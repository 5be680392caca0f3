package analysis

// isStopWord says whether a word is one of the 33 that Lucene's
// EnglishAnalyzer drops (EnglishAnalyzer.ENGLISH_STOP_WORDS_SET).
func isStopWord(word string) bool {
	switch word {
	case "a", "an", "and", "are", "as", "at", "be", "but", "by", "for", "if", "in", "into", "is", "it",
		"no", "not", "of", "on", "or", "such", "that", "the", "their", "then", "there", "these", "they",
		"this", "to", "was", "will", "with":
		return true
	}
	return false
}
