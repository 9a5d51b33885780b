//! What was done and what came of it, as a table in Markdown.

/// Rows of a table.
pub struct Table {
    title: String,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new(title: &str, head: &[&str]) -> Self {
        let rows = vec![head.iter().map(|cell| (*cell).to_owned()).collect()];
        Self { title: title.to_owned(), rows }
    }

    pub fn row(&mut self, cells: &[&str]) {
        assert_eq!(cells.len(), self.rows[0].len());
        self.rows.push(cells.iter().map(|cell| cell.replace('|', "\\|").replace('\n', " ")).collect());
    }

    pub fn print(&self) {
        println!("\n{}\n", self.title);
        for (number, row) in self.rows.iter().enumerate() {
            println!("| {} |", row.join(" | "));
            if number == 0 {
                println!("|{}", "---|".repeat(row.len()));
            }
        }
    }
}
