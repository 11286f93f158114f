/** An MCP server over stdio that says what its world says: the suite writes that into the file named by WIKI_POISON. */
